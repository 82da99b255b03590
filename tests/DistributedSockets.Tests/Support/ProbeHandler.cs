using System.Collections.Concurrent;

namespace DistributedSockets.Tests;

/// <summary>Tells its client its id, and does what the test wants with messages; without more, it answers them.</summary>
[WebSocketHub("probe")]
public sealed class ProbeHandler(ProbeLog log) : WebSocketHandler
{
    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        log.Connections[Connection.Id] = Connection;
        await log.OnConnected(Connection);
        await Connection.SendAsync(WebSocketMessage.Text(Connection.Id), cancellationToken);
    }

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => log.OnMessage(Connection, message, cancellationToken);

    public override ValueTask OnDisconnectedAsync(DisconnectReason reason)
    {
        log.Disconnected(Connection.Id).TrySetResult(reason);
        return log.OnDisconnected(Connection, reason);
    }
}

/// <summary>What the handlers of one node saw.</summary>
public sealed class ProbeLog
{
    private readonly ConcurrentDictionary<string, TaskCompletionSource<DisconnectReason>> _disconnected = new();

    public ConcurrentDictionary<string, WebSocketConnection> Connections { get; } = new();

    public Func<WebSocketConnection, ValueTask> OnConnected { get; set; } = static _ => ValueTask.CompletedTask;

    public Func<WebSocketConnection, WebSocketMessage, CancellationToken, ValueTask> OnMessage { get; set; } =
        static (connection, message, token) => connection.SendAsync(message, token);

    public Func<WebSocketConnection, DisconnectReason, ValueTask> OnDisconnected { get; set; } = static (_, _) => ValueTask.CompletedTask;

    public TaskCompletionSource<DisconnectReason> Disconnected(string connectionId) =>
        _disconnected.GetOrAdd(connectionId, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously));
}
