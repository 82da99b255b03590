namespace DistributedSockets.ClusterTests;

/// <summary>What a sender was told about its message.</summary>
internal enum HistoryOutcome
{
    /// <summary>Nothing, as its connection ended before. The message may arrive.</summary>
    Unknown,

    /// <summary>It is on its way to everyone.</summary>
    Accepted,

    /// <summary>The backplane is away: only the sender's node was served, or perhaps more.</summary>
    Refused,
}
