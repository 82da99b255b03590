namespace DistributedSockets;

/// <summary>The records of a hub's sessions in an in-memory cluster. Guarded by the lock of the hub's log.</summary>
internal sealed class InMemoryRecords(TimeProvider time)
{
    private const int MinSwept = 1_000;

    private readonly Dictionary<string, (SessionRecord Record, long WrittenAt)> _records = new(StringComparer.Ordinal);
    private int _sweepAt = MinSwept;

    /// <summary>How many there are, old ones among them.</summary>
    internal int Count => _records.Count;

    internal SessionRecord? Read(string sessionId, LogRetention retention) =>
        _records.TryGetValue(sessionId, out var found) && !IsOld(found.WrittenAt, retention) ? found.Record : null;

    internal bool HasVersion(SessionFence fence, LogRetention retention) => Read(fence.SessionId, retention) is { Version: var version } && (version == fence.Version || version == fence.NextVersion);

    internal SessionRecordSwap Swap(string sessionId, long expectedVersion, SessionRecord? record, LogRetention retention)
    {
        var current = Read(sessionId, retention);
        if ((current?.Version ?? 0) != expectedVersion)
        {
            return new() { IsDone = false, Current = current };
        }

        if (record is null)
        {
            _records.Remove(sessionId);
            return new() { IsDone = true };
        }

        if (_records.Count >= _sweepAt)
        {
            Sweep(retention);
        }

        _records[sessionId] = (new() { Version = record.Version, Value = record.Value.ToArray() }, time.GetTimestamp());
        return new() { IsDone = true };
    }

    private bool IsOld(long writtenAt, LogRetention retention) => time.GetElapsedTime(writtenAt) >= retention.MaxAge;

    /// <summary>Forgets old ones. Done when there are twice as many as the last time, so it costs each record the same.</summary>
    private void Sweep(LogRetention retention)
    {
        foreach (var (sessionId, (_, writtenAt)) in _records)
        {
            if (IsOld(writtenAt, retention))
            {
                _records.Remove(sessionId);
            }
        }

        _sweepAt = Math.Max(MinSwept, 2 * _records.Count);
    }
}
