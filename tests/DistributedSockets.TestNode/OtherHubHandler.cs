using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets.TestNode;

/// <summary>The handler of <c>/other</c>, a second hub with the same operations.</summary>
[WebSocketHub("other")]
internal sealed class OtherHubHandler(IWebSocketRouter<OtherHubHandler> router, HealthCheckService health) : OperationsHandler(router, health);
