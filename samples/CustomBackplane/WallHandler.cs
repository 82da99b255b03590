using DistributedSockets;

namespace CustomBackplane;

/// <summary>Writes on the wall: what one page says, all pages of all nodes show.</summary>
[WebSocketHub("wall")]
internal sealed class WallHandler(IWebSocketRouter<WallHandler> router, NodeInfo node) : WebSocketHandler
{
    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) =>
        Connection.SendAsync($"You are on {node.Name}.", cancellationToken);

    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        try
        {
            await router.SendToAllAsync($"{node.Name}: {message.GetText()}", cancellationToken);
        }
        catch (BackplaneUnavailableException)
        {
            await Connection.SendAsync("PostgreSQL is away, so only the pages of this node show that.", cancellationToken);
        }
    }
}
