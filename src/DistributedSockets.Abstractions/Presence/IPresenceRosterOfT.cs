namespace DistributedSockets;

/// <summary>The roster of a handler's hub.</summary>
/// <typeparam name="THandler">The handler, which names the hub as it does for <see cref="IWebSocketRouter{THandler}"/>.</typeparam>
public interface IPresenceRoster<THandler> : IPresenceRoster
    where THandler : class;
