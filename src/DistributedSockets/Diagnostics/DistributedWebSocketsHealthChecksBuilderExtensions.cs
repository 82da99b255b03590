using DistributedSockets;
using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds the health check of distributed WebSockets.</summary>
public static class DistributedWebSocketsHealthChecksBuilderExtensions
{
    /// <summary>
    /// Adds a health check that is healthy, degraded while the backplane or the session store is away, a channel that is needed is refused, or
    /// envelopes of other nodes cannot be opened, and unhealthy while the node drains.
    /// </summary>
    /// <param name="builder">The health checks.</param>
    /// <param name="name">The check's name.</param>
    /// <param name="tags">Tags to filter by; use it for readiness, not for liveness.</param>
    public static IHealthChecksBuilder AddDistributedWebSockets(
        this IHealthChecksBuilder builder, string name = "distributed_websockets", IEnumerable<string>? tags = null)
    {
        ArgumentNullException.ThrowIfNull(builder);
        return builder.AddCheck<DistributedWebSocketsHealthCheck>(name, failureStatus: null, tags ?? []);
    }
}
