using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets;

/// <summary>
/// Healthy; degraded while the backplane, the message log or the session store is away, lost nodes cannot be looked for, the backplane refuses a channel
/// that is needed, no other node is understood, or one is configured otherwise; unhealthy before start and while draining.
/// </summary>
internal sealed class DistributedWebSocketsHealthCheck(
    LocalNode node, NodeHealth health, Hubs hubs, RefusedEnvelopes refused, ChannelSubscriptions subscriptions) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var data = new Dictionary<string, object>
        {
            ["node"] = node.Info.NodeId,
            ["connections"] = hubs.CountConnections(),
            ["backplaneAway"] = health.IsBackplaneAway,
            ["backplanePartlyAway"] = health.IsBackplanePartlyAway,
            ["storeAway"] = health.StoreProblem is not null,
            ["logAway"] = health.LogProblem is not null,
        };
        if (node.IsDraining)
        {
            return Result(HealthStatus.Unhealthy, "The node is draining.");
        }

        if (!node.IsStarted)
        {
            return Result(HealthStatus.Unhealthy, "The node has not started.");
        }

        if ((health.Outage ?? subscriptions.Refusal) is { } problem)
        {
            return Result(HealthStatus.Degraded, problem);
        }

        if (refused.IsDeaf)
        {
            return Result(HealthStatus.Degraded, "Envelopes of other nodes are refused, and none was taken in the last minute. EnvelopeKeys or the clocks differ.");
        }

        if (health.AgreementProblem is { } difference)
        {
            return Result(HealthStatus.Degraded, difference);
        }

        return health.ClaimProblem is { } claim
            ? Result(HealthStatus.Degraded, $"Lost nodes cannot be looked for; the end of their sessions is told later. {claim}")
            : Result(HealthStatus.Healthy, "The node is up.");

        Task<HealthCheckResult> Result(HealthStatus status, string description) =>
            Task.FromResult(new HealthCheckResult(status, description, data: data));
    }
}
