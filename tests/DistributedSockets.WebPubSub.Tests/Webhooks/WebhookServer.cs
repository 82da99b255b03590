using System.Collections.Concurrent;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.WebPubSub.Tests.Webhooks;

/// <summary>An HTTP server that gets events, and a client that sends them to it.</summary>
internal sealed class WebhookServer : IAsyncDisposable
{
    private readonly WebApplication _app;
    private ServiceProvider? _sender;

    private WebhookServer(WebApplication app) => _app = app;

    /// <summary>The requests, with their methods, paths and headers.</summary>
    internal ConcurrentQueue<(string Method, string Path, IHeaderDictionary Headers)> Requests { get; } = new();

    /// <summary>What it answers to <c>OPTIONS</c>; null for nothing.</summary>
    internal string? AllowedOrigin { get; set; } = "*";

    /// <summary>What it answers to the next events; 200 when there is none left.</summary>
    internal ConcurrentQueue<int> Statuses { get; } = new();

    internal WebPubSubWebhook Webhook { get; private set; } = null!; // set by StartAsync

    internal static async Task<WebhookServer> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        var server = new WebhookServer(builder.Build());
        server._app.Run(context =>
        {
            server.Requests.Enqueue((context.Request.Method, context.Request.Path, new HeaderDictionary(context.Request.Headers.ToDictionary())));
            if (context.Request.Method == HttpMethods.Options)
            {
                if (server.AllowedOrigin is { } origin)
                {
                    context.Response.Headers["WebHook-Allowed-Origin"] = origin;
                }
            }
            else if (server.Statuses.TryDequeue(out var status))
            {
                context.Response.StatusCode = status;
            }

            return Task.CompletedTask;
        });
        await server._app.StartAsync(TestContext.Current.CancellationToken);
        server.Webhook = new() { Url = $"{server._app.Urls.First()}/{{hub}}/{{event}}" };
        return server;
    }

    /// <summary>A part of the package, of an app with two keys.</summary>
    internal T Get<T>()
        where T : notnull
    {
        if (_sender is null)
        {
            var services = new ServiceCollection().AddLogging();
            services.AddDistributedWebSockets().AddWebPubSub(options =>
            {
                options.AccessKey = "the first key of a test";
                options.SecondaryAccessKey = "the second key of a test";
                options.Hubs.Add("chat");
                options.PublicOrigins.Add("https://ws.example.com");
            });
            _sender = services.BuildServiceProvider();
        }

        return _sender.GetRequiredService<T>();
    }

    public async ValueTask DisposeAsync()
    {
        if (_sender is not null)
        {
            await _sender.DisposeAsync();
        }

        await _app.DisposeAsync();
    }
}
