namespace DistributedSockets.Tests;

/// <summary>What <see cref="FakeMessageLog"/>s of several nodes share: one log for each hub, which a test can have lose what it holds.</summary>
internal sealed class FakeLogServer
{
    private readonly List<FakeMessageLog> _nodes = [];
    private readonly Dictionary<string, List<(LogEntry Entry, LogTarget[] Targets)>> _hubs = [];
    private readonly Dictionary<(string Hub, string Key), long> _keys = [];
    private readonly Dictionary<(string Hub, string SessionId), SessionRecord> _records = [];
    private long _jumpTo;

    internal Lock Gate { get; } = new();

    internal long Epoch { get; private set; } = 7;

    internal long RemovedTo { get; private set; }

    /// <summary>How old entries are when they come into the log.</summary>
    internal TimeSpan Age { get; set; }

    internal void Add(FakeMessageLog node)
    {
        lock (Gate)
        {
            _nodes.Add(node);
        }
    }

    internal void Remove(FakeMessageLog node)
    {
        lock (Gate)
        {
            _nodes.Remove(node);
        }
    }

    /// <summary>Loses everything, and begins a new epoch.</summary>
    internal void BeginAnew()
    {
        lock (Gate)
        {
            Epoch++;
            _hubs.Clear();
            _records.Clear();
            (RemovedTo, _jumpTo) = (0, 0);
        }
    }

    /// <summary>Removes the oldest entries of a hub, as retention does.</summary>
    internal void RemoveUpTo(string hub, long offset)
    {
        lock (Gate)
        {
            Hub(hub).RemoveAll(stored => stored.Entry.Offset <= offset);
            RemovedTo = Math.Max(RemovedTo, offset);
        }
    }

    /// <summary>Loses the newest entries of a hub, as a failover to a replica that lacks them does; the next one skips ahead.</summary>
    internal void LoseBehind(string hub, long offset)
    {
        lock (Gate)
        {
            Hub(hub).RemoveAll(stored => stored.Entry.Offset > offset);
            _jumpTo = offset + 1_000_000;
        }
    }

    internal LogPosition End(string hub)
    {
        lock (Gate)
        {
            return new(Epoch, Hub(hub) is [.., var last] ? last.Entry.Offset : RemovedTo);
        }
    }

    internal LogAppendResult Append(string hub, in LogAppend append)
    {
        lock (Gate)
        {
            if (append.IdempotencyKey is { } key && _keys.TryGetValue((hub, key), out var first))
            {
                return new() { Position = new(Epoch, first), IsRepeat = true };
            }

            var end = End(hub).Offset;
            var entry = new LogEntry
            {
                Offset = Math.Max(end + 1, _jumpTo),
                PreviousOffset = end,
                AppendedAt = TimeProvider.System.GetUtcNow() - Age,
                Payload = append.Payload.ToArray(),
            };
            _jumpTo = 0;
            Hub(hub).Add((entry, [.. append.Targets]));
            if (append.IdempotencyKey is not null)
            {
                _keys[(hub, append.IdempotencyKey)] = entry.Offset;
            }

            foreach (var node in _nodes)
            {
                node.OnStored(hub, Epoch, entry);
            }

            return new() { Position = new(Epoch, entry.Offset), PreviousOffset = end };
        }
    }

    internal LogPage Read(string hub, LogQuery query)
    {
        lock (Gate)
        {
            var end = End(hub);
            if (query.Epoch != Epoch || query.UpTo > end.Offset)
            {
                return new() { Entries = [], IsKnown = false, End = end, ReadAfter = query.After, ReadTo = query.After, RemovedTo = 0 };
            }

            var found = Hub(hub)
                .Where(stored => stored.Entry.Offset > query.After && stored.Entry.Offset <= query.UpTo && query.Targets?.Any(target => Array.IndexOf(stored.Targets, target) >= 0) != false)
                .Select(static stored => stored.Entry)
                .ToArray();
            var page = query.FromEnd ? found.TakeLast(query.MaxEntries).ToArray() : [.. found.Take(query.MaxEntries)];
            var isWhole = page.Length == found.Length;
            return new()
            {
                Entries = page,
                IsKnown = true,
                End = end,
                ReadAfter = !isWhole && query.FromEnd ? found[^(page.Length + 1)].Offset : query.After,
                ReadTo = !isWhole && !query.FromEnd ? page[^1].Offset : query.UpTo,
                RemovedTo = RemovedTo,
            };
        }
    }

    internal SessionRecord? ReadRecord(string hub, string sessionId)
    {
        lock (Gate)
        {
            return _records.GetValueOrDefault((hub, sessionId));
        }
    }

    internal SessionRecordSwap SwapRecord(string hub, string sessionId, long expected, SessionRecord? record)
    {
        lock (Gate)
        {
            var current = _records.GetValueOrDefault((hub, sessionId));
            if ((current?.Version ?? 0) != expected)
            {
                return new() { IsDone = false, Current = current };
            }

            _records.Remove((hub, sessionId));
            if (record is not null)
            {
                _records[(hub, sessionId)] = record;
            }

            return new() { IsDone = true };
        }
    }

    private List<(LogEntry Entry, LogTarget[] Targets)> Hub(string hub)
    {
        if (!_hubs.TryGetValue(hub, out var entries))
        {
            _hubs[hub] = entries = [];
        }

        return entries;
    }
}
