namespace DistributedSockets.ClusterTests;

/// <summary>One connection, or one session with all its connections: where it was, what reaches it, and from when to when its client was sure of it.</summary>
/// <param name="ConnectionId">Its id, by which it also sends.</param>
/// <param name="NodeId">Its node.</param>
/// <param name="User">Its user.</param>
/// <param name="Groups">Its groups, joined in the handshake and never left.</param>
/// <param name="Ready">When it was told that it is in all of them.</param>
internal sealed record HistoryReceiver(string ConnectionId, string NodeId, string User, IReadOnlyList<string> Groups, DateTimeOffset Ready)
{
    /// <summary>The node of its connection, which may be another one for each connection of a session.</summary>
    public string NodeId { get; set; } = NodeId;

    /// <summary>Whether it is a session that its client resumes within the window, so that nothing that is logged may be missing.</summary>
    public bool Resumes { get; init; }

    /// <summary>Whether its client came back in time and was given another session.</summary>
    public bool IsLost { get; set; }

    /// <summary>How often its client was told of a gap.</summary>
    public int Gaps { get; set; }

    /// <summary>When it ended; <see langword="null"/> if it was open to the last.</summary>
    public DateTimeOffset? Ended { get; set; }
}
