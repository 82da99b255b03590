namespace DistributedSockets;

/// <summary>Where an entry came to stand.</summary>
public readonly struct LogAppendResult
{
    /// <summary>The entry's position.</summary>
    public required LogPosition Position { get; init; }

    /// <summary>
    /// The offset of the entry before it, as in <see cref="LogEntry.PreviousOffset"/>; <see langword="null"/> for a repeat. So a node that
    /// only appends, too, learns that the log has lost what it had answered before.
    /// </summary>
    public long? PreviousOffset { get; init; }

    /// <summary>Whether the key had been used before: nothing was appended, and the position is that of the first entry.</summary>
    public bool IsRepeat { get; init; }
}
