namespace DistributedSockets.ClusterTests;

/// <summary>What a sender was told about its message.</summary>
internal enum HistoryOutcome
{
    /// <summary>Nothing, as its connection ended before, or that nobody knows. The message may arrive; a logged one at everyone or at nobody.</summary>
    Unknown,

    /// <summary>It is on its way to everyone.</summary>
    Accepted,

    /// <summary>The backplane is away: only the sender's node was served, or perhaps more. Of a logged one: the log is away, and nobody was served.</summary>
    Refused,
}
