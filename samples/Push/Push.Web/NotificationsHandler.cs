using System.Net.WebSockets;
using DistributedSockets;
using Samples;

namespace Push.Web;

/// <summary>A page that waits for notifications. It has nothing to say itself.</summary>
[WebSocketHub("notifications")] // the worker knows this name
internal sealed class NotificationsHandler(NodeInfo node) : WebSocketHandler
{
    private const WebSocketCloseStatus NameRefused = (WebSocketCloseStatus)4001;

    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) => Connection.UserId is { } user
        ? Connection.SendAsync(new Hello(user, node.Name), PushJson.Default.Hello, cancellationToken)
        : Connection.CloseAsync(NameRefused, $"A name has {UserName.Rule}.", cancellationToken);
}
