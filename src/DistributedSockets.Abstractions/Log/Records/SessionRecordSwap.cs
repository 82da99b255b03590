namespace DistributedSockets;

/// <summary>What came of replacing the record of a session.</summary>
public readonly struct SessionRecordSwap
{
    /// <summary>Whether the record had the version that was expected, and was replaced.</summary>
    public required bool IsDone { get; init; }

    /// <summary>If not: the record that stood there instead; <see langword="null"/> if there was none, or if it was done.</summary>
    public SessionRecord? Current { get; init; }
}
