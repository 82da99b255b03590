using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>A server of WebSockets over pipes: the library, or Kestrel and the platform's WebSocket alone.</summary>
internal static class IdleServer
{
    public const string Ours = "ours";
    public const string Resumable = "ours, resumable";
    public const string Away = "ours, away";
    public const string Raw = "raw";

    private const string Ready = "r";

    public static bool IsResumable(string kind) => kind is Resumable or Away;

    /// <summary>Starts a server.</summary>
    /// <param name="kind">Which one.</param>
    /// <param name="listener">Where its connections come from.</param>
    /// <param name="log">The log of one whose sessions can be resumed.</param>
    public static async Task<WebApplication> StartAsync(string kind, PipeListener listener, MeasuredLog log)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
        builder.WebHost.ConfigureKestrel(static kestrel => kestrel.ListenLocalhost(5_000));
        builder.Services.AddSingleton<IConnectionListenerFactory>(listener);
        if (kind == Ours)
        {
            builder.Services.AddDistributedWebSockets();
        }
        else if (IsResumable(kind))
        {
            builder.Services.AddDistributedWebSockets(static options =>
            {
                (options.EnableLog, options.EnableResume) = (true, true);
                options.MaxAwaySessions = 10_000_000;
                options.ResumeWindow = TimeSpan.FromMinutes(5);
            }).UseMessageLog(_ => log);
        }

        var app = builder.Build();
        if (kind != Raw)
        {
            app.MapDistributedWebSocket<Handler>("/ws");
        }
        else
        {
            app.UseWebSockets();
            app.Map("/ws", ServeAsync);
        }

        await app.StartAsync();
        return app;
    }

    private static async Task ServeAsync(HttpContext context)
    {
        using var socket = await context.WebSockets.AcceptWebSocketAsync();
        await socket.SendAsync(Encoding.UTF8.GetBytes(Ready), WebSocketMessageType.Text, endOfMessage: true, CancellationToken.None);
        ValueWebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(Memory<byte>.Empty, CancellationToken.None); // without a buffer: the least that a connection can hold
        }
        while (received.MessageType != WebSocketMessageType.Close);
    }

    private sealed class Handler(IWebSocketRouter<Handler> router) : WebSocketHandler
    {
        public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
        {
            await Task.Delay(1, cancellationToken); // as a join waits in a cluster, so that all rows hold what waiting leaves behind
            await router.AddToGroupAsync(Connection.Id, "everyone", cancellationToken);
            await Connection.SendAsync(Ready, cancellationToken);
        }
    }
}
