namespace DistributedSockets.WebPubSub;

/// <summary>Handles what the clients of a hub do. Made for inheritance: one instance for each call, created in a service scope of its own.</summary>
/// <remarks>
/// Register it with <c>MapWebPubSub().UseHandler</c>. Calls for one client come one after the other, those for different clients at the same time.
/// A call that takes longer than <see cref="WebPubSubOptions.HandlerTimeout"/> has failed.
/// </remarks>
public abstract class WebPubSubEventHandler
{
    /// <summary>A client wants to connect: accept it as it is, set what it begins with, or refuse it. An exception refuses it with 500.</summary>
    /// <param name="context">The client.</param>
    /// <param name="cancellationToken">Cancelled when the client has gone, or the time is over.</param>
    public virtual ValueTask OnConnectAsync(WebPubSubConnectContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>A client has connected and can be sent to. Not called for one that comes back to its session. An exception is logged.</summary>
    /// <param name="context">The client.</param>
    /// <param name="cancellationToken">Cancelled when the client has gone, or the time is over.</param>
    public virtual ValueTask OnConnectedAsync(WebPubSubClientContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>A client has sent an event that has no handler of its own (<c>OnEvent</c>). An exception is logged, and the client is told that the event failed.</summary>
    /// <param name="context">The client and the event.</param>
    /// <param name="cancellationToken">Cancelled when the client has gone, or the time is over.</param>
    /// <remarks>Not overridden, or where the base is called: it goes to the webhook that asks for it, or fails.</remarks>
    public virtual ValueTask OnEventAsync(WebPubSubEventContext context, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.IsHandled = false;
        return ValueTask.CompletedTask;
    }

    /// <summary>
    /// A client has gone: its connection has ended and, with a reliable subprotocol, its session too. Called once, by any node; not if all nodes end at
    /// once. An exception is logged.
    /// </summary>
    /// <param name="context">The client.</param>
    /// <param name="cancellationToken">Cancelled when the time is over.</param>
    public virtual ValueTask OnDisconnectedAsync(WebPubSubDisconnectedContext context, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
