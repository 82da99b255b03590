using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets;

/// <summary>Healthy; degraded while the backplane or the session store is away; unhealthy before start and while draining.</summary>
internal sealed class DistributedWebSocketsHealthCheck(NodeState node, Hubs hubs) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["node"] = node.Info.NodeId,
            ["connections"] = hubs.CountConnections(),
            ["backplaneAway"] = node.IsBackplaneAway,
            ["storeAway"] = node.IsStoreAway,
        };
        var result = node switch
        {
            { IsDraining: true } => HealthCheckResult.Unhealthy("The node is draining.", data: data),
            { IsStarted: false } => HealthCheckResult.Unhealthy("The node has not started.", data: data),
            { IsBackplaneAway: true, IsStoreAway: true } => HealthCheckResult.Degraded("The backplane and the session store are away.", data: data),
            { IsBackplaneAway: true } => HealthCheckResult.Degraded("The backplane is away; only connections of this node are reached.", data: data),
            { IsStoreAway: true } => HealthCheckResult.Degraded("The session store is away; who is online is not known.", data: data),
            _ => HealthCheckResult.Healthy("The node is up.", data),
        };
        return Task.FromResult(result);
    }
}
