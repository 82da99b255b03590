using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistributedSockets;

/// <summary>
/// Healthy; degraded while the backplane or the session store is away, lost nodes cannot be looked for, the backplane refuses a channel
/// that is needed, no other node is understood, or one is configured otherwise; unhealthy before start and while draining.
/// </summary>
internal sealed class DistributedWebSocketsHealthCheck(
    LocalNode node, NodeHealth health, Hubs hubs, RefusedEnvelopes refused, ChannelSubscriptions subscriptions) : IHealthCheck
{
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        var (backplane, part, store) = (health.BackplaneProblem, health.BackplanePartProblem, health.StoreProblem);
        var data = new Dictionary<string, object>
        {
            ["node"] = node.Info.NodeId,
            ["connections"] = hubs.CountConnections(),
            ["backplaneAway"] = backplane is not null,
            ["backplanePartlyAway"] = part is not null,
            ["storeAway"] = store is not null,
        };
        if (node.IsDraining)
        {
            return Result(HealthStatus.Unhealthy, "The node is draining.");
        }

        if (!node.IsStarted)
        {
            return Result(HealthStatus.Unhealthy, "The node has not started.");
        }

        return (backplane, store) switch
        {
            (null, null) when part is null && subscriptions.Refusal is { } refusal => Result(HealthStatus.Degraded, refusal),
            (null, null) when part is null && refused.IsDeaf => Result(
                HealthStatus.Degraded,
                "Envelopes of other nodes are refused, and none was taken in the last minute. EnvelopeKeys or the clocks differ."),
            (null, null) when part is null && health.AgreementProblem is { } difference => Result(HealthStatus.Degraded, difference),
            (null, null) when part is null && health.ClaimProblem is { } claim => Result(
                HealthStatus.Degraded, $"Lost nodes cannot be looked for; the end of their sessions is told later. {claim}"),
            (null, null) when part is null => Result(HealthStatus.Healthy, "The node is up."),
            (not null, not null) => Result(
                HealthStatus.Degraded, $"The backplane and the session store are away. Backplane: {backplane} Session store: {store}"),
            (not null, null) => Result(HealthStatus.Degraded, $"The backplane is away; only connections of this node are reached. {backplane}"),
            (null, null) => Result(HealthStatus.Degraded, $"A part of the backplane is away; what goes by it reaches this node only. {part}"),
            _ when part is not null => Result(
                HealthStatus.Degraded, $"A part of the backplane and the session store are away. Backplane: {part} Session store: {store}"),
            _ => Result(HealthStatus.Degraded, $"The session store is away; who is online is not known. {store}"),
        };

        Task<HealthCheckResult> Result(HealthStatus status, string description) =>
            Task.FromResult(new HealthCheckResult(status, description, data: data));
    }
}
