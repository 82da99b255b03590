namespace DistributedSockets;

/// <summary>What is to be read from a hub's log: the entries of some targets behind one offset, up to another.</summary>
public readonly struct LogQuery
{
    /// <summary>How many targets a query may name, and an entry may have.</summary>
    public const int MaxTargets = 1_024;

    /// <summary>How many entries a page may have.</summary>
    public const int MaxPageEntries = 10_000;

    /// <summary>The targets, 1 to 1,024; <see langword="null"/> for the whole log. An entry of several of them comes once.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are none, or more.</exception>
    public required IReadOnlyList<LogTarget>? Targets
    {
        get;
        init => field = value is null or { Count: >= 1 and <= MaxTargets }
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value.Count, $"Read 1 to {MaxTargets} targets, or null for the whole log.");
    }

    /// <summary>The epoch in which the offsets count.</summary>
    public required long Epoch { get; init; }

    /// <summary>The offset behind which reading begins; 0 for the beginning.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is negative.</exception>
    public required long After
    {
        get;
        init => field = value >= 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Read after an offset of 0 or more.");
    }

    /// <summary>
    /// The offset of the last entry that may come, no smaller than <see cref="After"/> and no larger than the log's end. Fixed beforehand, so
    /// that reading ends however much is appended meanwhile.
    /// </summary>
    public required long UpTo { get; init; }

    /// <summary>How many entries may come at most: 1 to 10,000.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is fewer or more.</exception>
    public required int MaxEntries
    {
        get;
        init => field = value is >= 1 and <= MaxPageEntries
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value, $"Read 1 to {MaxPageEntries} entries at once.");
    }

    /// <summary>How many bytes their payloads may have together: 1 or more. An entry that is larger alone comes alone.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is fewer.</exception>
    public required int MaxBytes
    {
        get;
        init => field = value >= 1 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "Read 1 byte or more at once.");
    }

    /// <summary>
    /// Whether the last entries are wanted instead of the first, for "the last n": the page then ends at <see cref="UpTo"/> and begins where
    /// the limits make it begin. Entries come in the order of offsets in any case.
    /// </summary>
    public bool FromEnd { get; init; }
}
