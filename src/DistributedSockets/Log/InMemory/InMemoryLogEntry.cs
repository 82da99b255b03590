namespace DistributedSockets;

/// <summary>An entry that an in-memory log keeps.</summary>
internal sealed class InMemoryLogEntry
{
    internal static readonly IComparer<InMemoryLogEntry> ByOffset = Comparer<InMemoryLogEntry>.Create(static (left, right) => left.Offset.CompareTo(right.Offset));

    internal required long Offset { get; init; }

    internal long PreviousOffset { get; init; }

    internal DateTimeOffset AppendedAt { get; init; }

    /// <summary>When it was appended, by a clock that nobody sets.</summary>
    internal long Timestamp { get; init; }

    internal byte[] Payload { get; init; } = [];

    /// <summary>The targets under which it was appended.</summary>
    internal InMemoryTargetLog[] Targets { get; init; } = [];

    /// <summary>How many targets hold it still.</summary>
    internal int Holders { get; set; }

    internal LogEntry ToLogEntry() => new() { Offset = Offset, PreviousOffset = PreviousOffset, AppendedAt = AppendedAt, Payload = Payload };
}
