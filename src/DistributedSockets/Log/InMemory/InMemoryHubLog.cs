using System.Runtime.InteropServices;

namespace DistributedSockets;

/// <summary>The log of one hub of an in-memory cluster, and who is subscribed to it.</summary>
/// <remarks>Old entries and keys go when the log is used next: a lookup of its end, which every node makes now and then, is enough.</remarks>
internal sealed class InMemoryHubLog(string hub, TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly long _epoch = Math.Max(1, time.GetUtcNow().ToUnixTimeMilliseconds()); // larger than any of an earlier process
    private readonly SortedSet<InMemoryLogEntry> _entries = new(InMemoryLogEntry.ByOffset);
    private readonly Dictionary<LogTarget, InMemoryTargetLog> _targets = [];
    private readonly InMemoryLogKeys _keys = new(time);
    private readonly InMemoryRecords _records = new(time);
    private readonly List<IMessageLogReceiver> _receivers = [];
    private DateTimeOffset _lastAppendedAt;
    private long _end;
    private long _removedTo; // the highest offset of which nothing is left
    private long _floor;     // the highest offset that was removed from a target that has been forgotten since

    internal void Subscribe(IMessageLogReceiver receiver)
    {
        lock (_gate)
        {
            if (!_receivers.Contains(receiver))
            {
                _receivers.Add(receiver);
            }
        }
    }

    internal void Unsubscribe(IMessageLogReceiver receiver)
    {
        lock (_gate)
        {
            _receivers.Remove(receiver);
        }
    }

    internal LogPosition End(LogRetention retention)
    {
        lock (_gate)
        {
            Expire(retention);
            return new(_epoch, _end);
        }
    }

    internal LogAppendResult Append(in LogAppend append, LogRetention retention)
    {
        lock (_gate)
        {
            Expire(retention);
            if (append.Fence is { } fence && !_records.HasVersion(fence, retention))
            {
                throw new StaleFenceException();
            }

            if (append.IdempotencyKey is { } key)
            {
                if (_keys.TryFind(key, out var first))
                {
                    return new() { Position = new(_epoch, first), IsRepeat = true };
                }

                _keys.Add(key, _end + 1, retention.IdempotencyTime);
            }

            var entry = Add(append, retention);
            Deliver(entry.ToLogEntry());
            return new() { Position = new(_epoch, entry.Offset), PreviousOffset = entry.PreviousOffset };
        }
    }

    internal LogPage Read(in LogQuery query, LogRetention retention)
    {
        lock (_gate)
        {
            Expire(retention);
            if (query.Epoch != _epoch || query.UpTo > _end)
            {
                return new() { Entries = [], IsKnown = false, End = new(_epoch, _end), ReadAfter = query.After, ReadTo = query.After, RemovedTo = 0 };
            }

            var (entries, removedTo) = query.Targets is { } targets
                ? Find(targets, query)
                : (InMemoryLogReading.Between(_entries, query), _removedTo);
            return InMemoryLogReading.Page(entries, query, new(_epoch, _end), removedTo);
        }
    }

    internal SessionRecord? ReadRecord(string sessionId, LogRetention retention)
    {
        lock (_gate)
        {
            return _records.Read(sessionId, retention);
        }
    }

    internal SessionRecordSwap SwapRecord(string sessionId, long expectedVersion, SessionRecord? record, LogRetention retention)
    {
        lock (_gate)
        {
            return _records.Swap(sessionId, expectedVersion, record, retention);
        }
    }

    private (IEnumerable<InMemoryLogEntry> Entries, long RemovedTo) Find(IReadOnlyList<LogTarget> targets, in LogQuery query)
    {
        var (logs, removedTo) = (new List<InMemoryTargetLog>(targets.Count), 0L);
        foreach (var target in targets)
        {
            var log = _targets.GetValueOrDefault(target);
            removedTo = Math.Max(removedTo, log?.RemovedTo ?? _floor);
            if (log is not null)
            {
                logs.Add(log);
            }
        }

        return (InMemoryLogReading.Between(logs, query), removedTo);
    }

    private InMemoryLogEntry Add(in LogAppend append, LogRetention retention)
    {
        var now = time.GetUtcNow();
        _lastAppendedAt = now > _lastAppendedAt ? now : _lastAppendedAt;
        var logs = new InMemoryTargetLog[append.Targets.Count];
        var entry = new InMemoryLogEntry
        {
            Offset = _end + 1,
            PreviousOffset = _end,
            AppendedAt = _lastAppendedAt,
            Timestamp = time.GetTimestamp(),
            Payload = append.Payload.ToArray(),
            Targets = logs,
            Holders = logs.Length,
        };
        _entries.Add(entry);
        _end = entry.Offset;
        for (var i = 0; i < logs.Length; i++)
        {
            ref var log = ref CollectionsMarshal.GetValueRefOrAddDefault(_targets, append.Targets[i], out _);
            logs[i] = log ??= new(append.Targets[i], _floor);
            logs[i].Add(entry);
            Trim(logs[i], retention);
        }

        return entry;
    }

    private void Trim(InMemoryTargetLog log, LogRetention retention)
    {
        while (log.Count > 1 && (log.Count > retention.MaxEntriesPerTarget || log.Bytes > retention.MaxBytesPerTarget))
        {
            RemoveFirst(log);
        }
    }

    private void Expire(LogRetention retention)
    {
        _keys.Expire();
        while (_entries.Min is { } oldest && time.GetElapsedTime(oldest.Timestamp) >= retention.MaxAge)
        {
            foreach (var log in oldest.Targets)
            {
                if (log.Count == 0 || log[0] != oldest)
                {
                    continue; // it was removed from this one before
                }

                RemoveFirst(log);
                if (log.Count == 0)
                {
                    _targets.Remove(log.Target);
                    _floor = Math.Max(_floor, log.RemovedTo);
                }
            }
        }
    }

    private void RemoveFirst(InMemoryTargetLog log)
    {
        var entry = log.RemoveFirst();
        if (--entry.Holders == 0)
        {
            _entries.Remove(entry);
            _removedTo = Math.Max(_removedTo, entry.Offset);
        }
    }

    /// <summary>Hands an entry to all. Under the lock, as the order must be that of the offsets; receivers queue what comes, and write nothing.</summary>
    private void Deliver(in LogEntry entry)
    {
        OrderSection.Enter();
        try
        {
            foreach (var receiver in _receivers)
            {
                receiver.OnAppended(hub, _epoch, entry);
            }
        }
        finally
        {
            OrderSection.Exit();
        }
    }
}
