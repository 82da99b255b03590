namespace DistributedSockets.WebPubSub;

/// <summary>A client as handlers and webhooks are told of it, also when its connection has ended.</summary>
/// <param name="Hub">The hub's name within.</param>
/// <param name="ConnectionId">The connection id.</param>
/// <param name="UserId">The user, or null.</param>
/// <param name="SubProtocol">The subprotocol, or null.</param>
/// <param name="State">The connection's state: a JSON object, or null for none.</param>
internal readonly record struct EventClient(string Hub, string ConnectionId, string? UserId, string? SubProtocol, string? State)
{
    internal static EventClient Of(WebSocketConnection connection) => new(
        connection.Hub, connection.Id, connection.UserId, connection.SubProtocol, ClientState.Read(connection.Properties));

    internal static EventClient Of(Session session) => new(
        session.Hub, session.ConnectionId, session.UserId, session.Properties.GetValueOrDefault(ClientState.SubProtocol), ClientState.Read(session.Properties));
}
