using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.TestNode;

/// <summary>The handler of <c>/ws</c>, hub <c>testnode</c>.</summary>
[WebSocketHub("testnode")]
internal sealed class TestNodeHandler(IWebSocketRouter<TestNodeHandler> router, HealthCheckService health) : OperationsHandler(router, health);
