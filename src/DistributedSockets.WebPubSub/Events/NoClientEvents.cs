namespace DistributedSockets.WebPubSub;

/// <summary>An app without event handlers.</summary>
internal sealed class NoClientEvents : IClientEvents
{
    public ValueTask OnConnectingAsync(ClientHandshake handshake, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask OnConnectedAsync(WebSocketConnection connection, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    public ValueTask<ClientReply?> OnEventAsync(WebSocketConnection connection, ClientEvent message, CancellationToken cancellationToken) =>
        throw new EventFailedException("InternalServerError", $"Nobody handles the event '{message.Name}' of this hub.");

    public ValueTask OnDisconnectedAsync(WebSocketConnection connection, DisconnectReason reason) => ValueTask.CompletedTask;
}
