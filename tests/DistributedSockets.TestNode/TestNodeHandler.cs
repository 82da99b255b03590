namespace DistributedSockets.TestNode;

/// <summary>The handler of <c>/ws</c>, hub <c>testnode</c>.</summary>
internal sealed class TestNodeHandler(IWebSocketRouter<TestNodeHandler> router) : OperationsHandler(router);
