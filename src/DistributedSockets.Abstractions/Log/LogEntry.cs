namespace DistributedSockets;

/// <summary>An entry of a hub's log.</summary>
public readonly struct LogEntry
{
    /// <summary>Its offset.</summary>
    public required long Offset { get; init; }

    /// <summary>
    /// The offset of the entry before it in the hub's log, whatever its targets: one less, or less than that where the log had to skip
    /// ahead; 0 for the first one. It is what the log had when the entry was appended, also if that has been removed since.
    /// </summary>
    public required long PreviousOffset { get; init; }

    /// <summary>When it was appended, by the clock of the log.</summary>
    public required DateTimeOffset AppendedAt { get; init; }

    /// <summary>The encoded envelope.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }
}
