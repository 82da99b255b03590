namespace DistributedSockets;

/// <summary>The router of a handler's hub.</summary>
/// <typeparam name="THandler">
/// The handler. Its hub is named by <see cref="WebSocketHubAttribute"/>, else by the type's name without the suffix
/// <c>Handler</c>, in lower case: <c>ChatHandler</c> is <c>chat</c>.
/// </typeparam>
public interface IWebSocketRouter<THandler> : IWebSocketRouter
    where THandler : class;
