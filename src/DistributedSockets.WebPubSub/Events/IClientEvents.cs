namespace DistributedSockets.WebPubSub;

/// <summary>Who is told what clients do: the app's handlers, and webhooks.</summary>
internal interface IClientEvents
{
    /// <summary>A client wants to connect. May change what it begins with, or refuse it.</summary>
    ValueTask OnConnectingAsync(ClientHandshake handshake, CancellationToken cancellationToken);

    /// <summary>A client has connected; not called for one that has come back to its session.</summary>
    ValueTask OnConnectedAsync(WebSocketConnection connection, CancellationToken cancellationToken);

    /// <summary>A client has sent an event, or asks something of the app.</summary>
    /// <returns>The answer, or null for none.</returns>
    /// <exception cref="Exception">No handler has it, or the handler failed: the client is told so.</exception>
    ValueTask<ClientReply?> OnEventAsync(WebSocketConnection connection, ClientEvent message, CancellationToken cancellationToken);

    /// <summary>A connection has ended. Its session may go on, if it can be resumed.</summary>
    ValueTask OnDisconnectedAsync(WebSocketConnection connection, DisconnectReason reason);
}
