namespace DistributedSockets.ClusterTests;

/// <summary>One connection: where it was, what reaches it, and from when to when its client was sure of it.</summary>
/// <param name="ConnectionId">Its id, by which it also sends.</param>
/// <param name="NodeId">Its node.</param>
/// <param name="User">Its user.</param>
/// <param name="Groups">Its groups, joined in the handshake and never left.</param>
/// <param name="Ready">When it was told that it is in all of them.</param>
internal sealed record HistoryReceiver(string ConnectionId, string NodeId, string User, IReadOnlyList<string> Groups, DateTimeOffset Ready)
{
    /// <summary>When it ended; <see langword="null"/> if it was open to the last.</summary>
    public DateTimeOffset? Ended { get; set; }
}
