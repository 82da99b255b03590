namespace DistributedSockets;

/// <summary>What was read from a hub's log: all entries of the targets behind one offset, up to another, that are left.</summary>
/// <remarks>
/// A page covers a stretch of what was asked for, which is never empty unless that was: from <see cref="LogQuery.After"/> on, or up to
/// <see cref="LogQuery.UpTo"/> if the last entries were wanted. It is as long as the limits allow, or shorter where the log has to look
/// through much. Within it nothing is missing but what was removed.
/// </remarks>
public sealed class LogPage
{
    /// <summary>The entries in the order of their offsets, each once. Their payloads are never changed afterwards.</summary>
    public required IReadOnlyList<LogEntry> Entries { get; init; }

    /// <summary>
    /// Whether the epoch that was asked for is that of the log and the offsets are not behind its end. If not, there are no entries,
    /// <see cref="End"/> says where the log is, and the rest of the page means nothing. An offset that the log has skipped is known: nothing
    /// stands there.
    /// </summary>
    public required bool IsKnown { get; init; }

    /// <summary>The log's end, read no earlier than the entries.</summary>
    public required LogPosition End { get; init; }

    /// <summary>
    /// Behind which offset the page begins: <see cref="LogQuery.After"/>, or a later one if the last entries were wanted and older ones did
    /// not fit. Reading backwards goes on up to it.
    /// </summary>
    public required long ReadAfter { get; init; }

    /// <summary>Up to which offset the page goes: <see cref="LogQuery.UpTo"/>, or an earlier one if not all did fit. Reading goes on behind it.</summary>
    public required long ReadTo { get; init; }

    /// <summary>
    /// The highest offset that was removed from any of the targets, whether or not the page reaches it; 0 if none was. Of the whole log it is
    /// the highest of which nothing is left. If it is larger than <see cref="ReadAfter"/>, the page has a gap. Entries below it that are left
    /// come all the same.
    /// </summary>
    /// <remarks>
    /// It is never too small. A log may tell a larger one for a target, but none that reaches the first entry that the target has left, nor
    /// one beyond what was removed from the hub: so it can forget a target altogether, and keep one floor for all that it has forgotten.
    /// </remarks>
    public required long RemovedTo { get; init; }
}
