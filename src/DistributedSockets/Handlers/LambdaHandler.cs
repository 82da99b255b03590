namespace DistributedSockets;

/// <summary>The handler of an endpoint mapped with a lambda.</summary>
internal sealed class LambdaHandler(
    Func<WebSocketConnection, WebSocketMessage, IWebSocketRouter, CancellationToken, ValueTask> onMessage, IWebSocketRouter router) : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        onMessage(Connection, message, router, cancellationToken);
}

internal sealed class LambdaHandlerActivator(
    Func<WebSocketConnection, WebSocketMessage, IWebSocketRouter, CancellationToken, ValueTask> onMessage, IWebSocketRouter router) : HandlerActivator
{
    internal override Type HandlerType => typeof(LambdaHandler);

    internal override (WebSocketHandler Handler, bool Owned) Create(IServiceProvider services) => (new LambdaHandler(onMessage, router), true);
}
