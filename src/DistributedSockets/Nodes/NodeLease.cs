using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Whether this node holds its lease, as far as it can know by itself: a node that was frozen knows at once, before it has asked anybody.</summary>
internal sealed class NodeLease(IOptions<DistributedWebSocketsOptions> options, TimeProvider time)
{
    private const long Never = long.MinValue;

    private long _renewedAt = Never;

    /// <summary>Whether others cannot have taken this node for lost.</summary>
    internal bool IsHeld => Volatile.Read(ref _renewedAt) is var renewedAt && renewedAt != Never && time.GetElapsedTime(renewedAt) < options.Value.LeaseExpiry;

    /// <summary>The lease has been renewed.</summary>
    /// <param name="askedAt">When the session store was asked to: a timestamp.</param>
    internal void OnRenewed(long askedAt) => Volatile.Write(ref _renewedAt, askedAt);
}
