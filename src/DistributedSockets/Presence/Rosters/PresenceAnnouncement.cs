namespace DistributedSockets;

/// <summary>What a node publishes for the rosters of a hub.</summary>
internal sealed class PresenceAnnouncement
{
    /// <summary>The most that goes into one envelope: with names of full length a quarter of the smallest that may be configured as the largest.</summary>
    internal const int MaxNews = 24;

    /// <summary>The epoch of the versions.</summary>
    internal required string Epoch { get; init; }

    /// <summary>Whether the epoch has been settled: before, its records are no whole.</summary>
    internal required bool IsSettled { get; init; }

    /// <summary>
    /// How many announcements with news this node has published for the hub, this one included. One without news repeats it now and then,
    /// so that the loss of the last one is noticed, too.
    /// </summary>
    internal required long Number { get; init; }

    internal required IReadOnlyList<PresenceNews> News { get; init; }
}
