namespace DistributedSockets;

/// <summary>An entry that is to be appended to a hub's log.</summary>
public readonly struct LogAppend
{
    /// <summary>The targets under which the entry stands: 1 to 1,024, each once. However many they are, it is one entry.</summary>
    /// <exception cref="ArgumentOutOfRangeException">There are none, or more.</exception>
    public required IReadOnlyList<LogTarget> Targets
    {
        get;
        init => field = value is { Count: >= 1 and <= LogQuery.MaxTargets }
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), value?.Count, $"Append an entry to 1 to {LogQuery.MaxTargets} targets.");
    }

    /// <summary>The encoded envelope. Borrowed: it stays unchanged until the append completes.</summary>
    public required ReadOnlyMemory<byte> Payload { get; init; }

    /// <summary>
    /// Tells a repeated append from a new one: within <see cref="LogRetention.IdempotencyTime"/> a second entry of the same key in the same
    /// hub is not appended, whatever it holds, to whichever targets, and whoever appends it; also if the first one has been removed meanwhile.
    /// </summary>
    /// <value><see langword="null"/> by default; 1 to 256 bytes of UTF-8, compared ordinally.</value>
    public string? IdempotencyKey { get; init; }

    /// <summary>For which session it is appended, and by whom: if the session's record has neither of its versions, the entry is refused, where the log can do that.</summary>
    /// <value><see langword="null"/> by default: for none. Heeded where <see cref="ISessionRecordStore.RefusesStaleAppends"/> says so, and else passed over.</value>
    /// <remarks>Looked at before the <see cref="IdempotencyKey"/>, which an entry that is refused does not use up.</remarks>
    public SessionFence? Fence { get; init; }
}
