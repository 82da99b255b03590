using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.Docs.Tests.Outages;

/// <summary>An app whose Redis is not there: nothing listens at its address.</summary>
internal sealed class AwayApp : IAsyncDisposable
{
    public const string NotThere = "127.0.0.1:1,connectTimeout=500";

    private static readonly string[] s_arguments = ["--urls=http://127.0.0.1:0", "--environment=Development", "--Logging:LogLevel:Default=Warning"];

    private readonly WebApplication _app;

    private AwayApp(WebApplication app) => _app = app;

    public IServiceProvider Services => _app.Services;

    public Uri Address => new(_app.Urls.Single());

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>Puts the Redis that is not there in the place of the one that a page names.</summary>
    public static void Cut(IServiceCollection services) => services.AddDistributedWebSockets().UseRedis(static options =>
    {
        options.ConnectionString = NotThere;
        options.OperationTimeout = TimeSpan.FromMilliseconds(200);
    });

    /// <summary>Runs the program of a page.</summary>
    public static async Task<AwayApp> RunAsync(Func<string[], Action<WebApplicationBuilder>, WebApplication> build)
    {
        var app = new AwayApp(build(s_arguments, static builder =>
        {
            builder.Services.AddHealthChecks().AddDistributedWebSockets("sockets");
            Cut(builder.Services);
        }));
        await app._app.StartAsync(Cancelled).WithinGuardAsync();
        var health = await app.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancelled);
        Assert.Equal(HealthStatus.Degraded, health.Entries["sockets"].Status);
        return app;
    }

    /// <summary>Runs what a page registers and maps.</summary>
    /// <param name="register">What it registers.</param>
    /// <param name="map">What it maps.</param>
    /// <param name="cut">Puts something that is not there in the place of what it registers; the Redis of <see cref="Cut"/> unless given.</param>
    public static Task<AwayApp> RunAsync(Action<WebApplicationBuilder> register, Action<WebApplication>? map = null, Action<IServiceCollection>? cut = null) =>
        RunAsync((arguments, more) =>
        {
            var builder = WebApplication.CreateBuilder(arguments);
            register(builder);
            more(builder);
            cut?.Invoke(builder.Services);
            var app = builder.Build();
            map?.Invoke(app);
            return app;
        });

    public Visitor NewVisitor() => new(_app.Urls.Single());

    public async Task<ClientWebSocket> ConnectAsync(string path)
    {
        using var visitor = NewVisitor();
        return await visitor.ConnectAsync(path);
    }

    public async ValueTask DisposeAsync() => await _app.DisposeAsync();

    public static Task SendAsync(ClientWebSocket client, string text) =>
        client.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, true, Cancelled).WithinGuardAsync();

    public static async Task<string> ReceiveAsync(ClientWebSocket client)
    {
        var buffer = new byte[4_096];
        var result = await client.ReceiveAsync(buffer, Cancelled).WithinGuardAsync();
        Assert.NotEqual(WebSocketMessageType.Close, result.MessageType);
        return Encoding.UTF8.GetString(buffer, 0, result.Count);
    }
}
