namespace DistributedSockets.TestNode;

/// <summary>The handler of <c>/other</c>, a second hub with the same operations.</summary>
[WebSocketHub("other")]
internal sealed class OtherHubHandler(IWebSocketRouter<OtherHubHandler> router) : OperationsHandler(router);
