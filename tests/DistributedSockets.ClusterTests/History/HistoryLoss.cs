namespace DistributedSockets.ClusterTests;

/// <summary>A window in which a node says that messages for its connections may be missing.</summary>
internal sealed record HistoryLoss(string NodeId, DateTimeOffset From, DateTimeOffset To, string Cause, string? Description = null)
{
    /// <summary>Whether it is the log that has a gap; that excuses nothing but what is logged.</summary>
    public bool IsOfLog => Cause == "MessageLog";
}
