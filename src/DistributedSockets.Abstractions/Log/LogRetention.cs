namespace DistributedSockets;

/// <summary>How much a hub's log keeps of each target. Whichever limit is reached first removes the oldest entries.</summary>
/// <remarks>
/// A log keeps at least what it must, and may keep some more for a while where removing by the entry would cost too much. An entry of several
/// targets counts for each of them, and is there for each until that one removes it. Targets of which nothing is left are forgotten, so that
/// what a log holds is bounded by what was appended within <see cref="MaxAge"/>.
/// </remarks>
public sealed class LogRetention
{
    /// <summary>How old an entry may get: more than zero.</summary>
    public required TimeSpan MaxAge { get; init; }

    /// <summary>How many entries a target may have: 1 or more.</summary>
    public required int MaxEntriesPerTarget { get; init; }

    /// <summary>
    /// How many bytes the payloads of a target may have, 1 or more; <see langword="null"/> for no limit. The last entry stays whatever its
    /// size. Needs <see cref="IMessageLog.LimitsBytes"/>.
    /// </summary>
    public long? MaxBytesPerTarget { get; init; }

    /// <summary>For how long an idempotency key is known at least, and not much longer: more than zero, no longer than <see cref="MaxAge"/>.</summary>
    public required TimeSpan IdempotencyTime { get; init; }
}
