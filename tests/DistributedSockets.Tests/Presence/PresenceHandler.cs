namespace DistributedSockets.Tests.Presence;

/// <summary>Joins the groups that a client names, and leaves those that it names with a minus.</summary>
[WebSocketHub("chat")]
public sealed class PresenceHandler(IWebSocketRouter<PresenceHandler> router) : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => message.GetText() switch
    {
        ['-', .. var group] => router.RemoveFromGroupAsync(Connection.Id, group, cancellationToken),
        var group => router.AddToGroupAsync(Connection.Id, group, cancellationToken),
    };
}
