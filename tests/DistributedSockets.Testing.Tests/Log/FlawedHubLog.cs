using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing.Tests.Log;

/// <summary>What a <see cref="FlawedLogServer"/> keeps of one hub, sound but for at most one flaw. Used under the server's lock.</summary>
internal sealed class FlawedHubLog(LogFlaw flaw, FakeTimeProvider time, long epoch)
{
    private readonly List<Stored> _entries = [];
    private readonly Dictionary<string, Queue<Stored>> _targets = [];
    private readonly Dictionary<string, long> _removed = [];
    private readonly Dictionary<string, (long Offset, DateTimeOffset Until)> _keys = [];
    private TimeSpan _shortestAge = TimeSpan.MaxValue;
    private long _appended;
    private long _largestRemoved;

    public long Epoch { get; set; } = epoch;

    public long End { get; set; }

    public List<(FlawedMessageLog Node, string Hub)> Subscribers { get; } = [];

    public void ForgetKeys() => _keys.Clear();

    public void Lose(int count)
    {
        foreach (var lost in _entries.TakeLast(count).ToArray())
        {
            _entries.Remove(lost);
        }
    }

    public bool TryFindKey(LogAppend append, out long offset)
    {
        offset = 0;
        if (append.IdempotencyKey is null || flaw == LogFlaw.IgnoresKeys)
        {
            return false;
        }

        var isKnown = _keys.TryGetValue(Key(append), out var found) && (found.Until > time.GetUtcNow() || flaw == LogFlaw.KeepsKeysForEver);
        offset = found.Offset;
        return isKnown && (flaw != LogFlaw.ForgetsKeysWithTheirEntries || _entries.Exists(one => one.Entry.Offset == found.Offset));
    }

    /// <summary>Keeps one entry, and returns it and the offset before it.</summary>
    public LogEntry Append(LogAppend append, LogRetention retention, long offset)
    {
        _shortestAge = retention.MaxAge < _shortestAge ? retention.MaxAge : _shortestAge;
        var targets = append.Targets.Take(flaw == LogFlaw.TakesHundredTargets ? 100 : int.MaxValue).Select(Name).ToArray();
        var stored = new Stored
        {
            Entry = new()
            {
                Offset = offset,
                PreviousOffset = flaw == LogFlaw.ForgetsThePredecessor ? 0 : End,
                AppendedAt = flaw == LogFlaw.DatesNothing ? default : time.GetUtcNow(),
                Payload = Copy(append.Payload),
            },
            Targets = [.. targets],
        };
        if (append.IdempotencyKey is not null)
        {
            var lifetime = flaw == LogFlaw.ForgetsKeysTooEarly ? TimeSpan.FromMilliseconds(1) : retention.IdempotencyTime;
            _keys[Key(append)] = (offset, time.GetUtcNow() + lifetime);
        }

        End = Math.Max(End, offset);
        _appended++;
        _entries.Add(stored);
        foreach (var target in targets)
        {
            if (!_targets.TryGetValue(target, out var queue))
            {
                _targets.Add(target, queue = new());
            }

            queue.Enqueue(stored);
            Trim(target, queue, retention);
        }

        return stored.Entry;
    }

    public LogPage Read(LogQuery query, LogRetention retention)
    {
        Expire(retention);
        var end = new LogPosition(Epoch, End);
        var isKnown = (query.Epoch == Epoch || flaw == LogFlaw.IgnoresEpochs) && (query.UpTo <= End || flaw == LogFlaw.KnowsTheFuture);
        if (!isKnown || (flaw == LogFlaw.EmptyHubIsUnknown && _entries.Count == 0))
        {
            return new() { Entries = [], IsKnown = false, End = end, ReadAfter = query.After, ReadTo = query.After, RemovedTo = 0 };
        }

        var from = flaw == LogFlaw.IncludesTheBeginning ? query.After - 1 : query.After;
        var to = flaw switch
        {
            LogFlaw.ExcludesTheEnd => query.UpTo - 1,
            LogFlaw.ReadsOnBehindTheEnd => End,
            LogFlaw.ReadsFromAReplica => Math.Min(query.UpTo, End - 1),
            _ => query.UpTo,
        };
        var names = query.Targets?.Select(Name).ToHashSet();
        List<Stored> found = [.. _entries.Where(one => one.Entry.Offset > from && one.Entry.Offset <= to && (names is null || one.Targets.Overlaps(names)))];
        switch (flaw)
        {
            case LogFlaw.ReadsTargetByTarget when names is not null:
                found = [.. found.OrderBy(one => one.Targets.Intersect(names).Min(StringComparer.Ordinal), StringComparer.Ordinal)];
                break;
            case LogFlaw.ReadsSharedEntriesTwice when names is not null:
                found = [.. found.SelectMany(one => one.Targets.Where(names.Contains).Select(_ => one))];
                break;
        }

        return Page(query, found, end);
    }

    /// <summary>The highest offset that was removed from any of a query's targets.</summary>
    public long RemovedTo(LogQuery query) => flaw switch
    {
        LogFlaw.RemovesWithoutATrace => 0,
        LogFlaw.TellsGapsWhereNothingWas => query.Targets is null ? 0 : query.UpTo,
        _ => query.Targets is null ? _largestRemoved : query.Targets.Max(target => _removed.GetValueOrDefault(Name(target))),
    };

    private LogPage Page(LogQuery query, List<Stored> found, LogPosition end)
    {
        if (query.FromEnd && flaw != LogFlaw.IgnoresFromEnd)
        {
            found.Reverse();
        }

        var (page, bytes, left) = (new List<LogEntry>(), 0L, (long?)null);
        foreach (var one in found)
        {
            if (flaw == LogFlaw.LosesEntriesThatAreTooLarge && one.Entry.Payload.Length > query.MaxBytes)
            {
                continue;
            }

            bytes += one.Entry.Payload.Length;
            var isFull = (page.Count == query.MaxEntries && flaw != LogFlaw.IgnoresMaxEntries)
                || (bytes > query.MaxBytes && page.Count > 0 && flaw != LogFlaw.IgnoresMaxBytes);
            if (isFull)
            {
                left = one.Entry.Offset;
                break;
            }

            page.Add(one.Entry);
        }

        if (query.FromEnd && flaw is not (LogFlaw.IgnoresFromEnd or LogFlaw.ReversesFromEnd))
        {
            page.Reverse();
        }

        var isCut = left is not null && flaw != LogFlaw.SkipsBetweenPages;
        return new()
        {
            Entries = page,
            IsKnown = true,
            End = end,
            ReadAfter = query.FromEnd && isCut ? left!.Value : query.After,
            ReadTo = !query.FromEnd && isCut ? left!.Value - 1 : flaw == LogFlaw.ReadsOnBehindTheEnd ? End : query.UpTo,
            RemovedTo = RemovedTo(query),
        };
    }

    private void Expire(LogRetention retention)
    {
        if (flaw == LogFlaw.KeepsAgesForEver)
        {
            return;
        }

        // By the shortest age that any hub has is what a hub that lasts must not go by.
        var age = flaw == LogFlaw.IgnoresTheHubsAge ? TimeSpan.FromSeconds(1) : retention.MaxAge;
        foreach (var (target, queue) in _targets)
        {
            while (queue.TryPeek(out var oldest) && time.GetUtcNow() - oldest.Entry.AppendedAt >= age)
            {
                RemoveFirst(target, queue);
            }

            if (queue.Count == 0 && flaw == LogFlaw.ForgetsTargetsWithoutAFloor)
            {
                _removed.Remove(target);
            }
        }
    }

    private void Trim(string target, Queue<Stored> queue, LogRetention retention)
    {
        var least = flaw == LogFlaw.RemovesTheLastEntry ? 0 : 1;
        var entries = flaw switch
        {
            LogFlaw.KeepsEntriesForEver => int.MaxValue,
            LogFlaw.RemovesTooMany => retention.MaxEntriesPerTarget / 2,
            _ => retention.MaxEntriesPerTarget,
        };
        var bytes = flaw == LogFlaw.KeepsBytesForEver ? null : retention.MaxBytesPerTarget;
        while (queue.Count > least && (queue.Count > entries || queue.Sum(static one => one.Entry.Payload.Length) > bytes))
        {
            RemoveFirst(target, queue);
            if (flaw == LogFlaw.RemovesFromOtherTargets)
            {
                foreach (var (other, others) in _targets.Where(one => one.Value != queue && one.Value.Count > 0))
                {
                    RemoveFirst(other, others);
                }
            }
        }
    }

    private void RemoveFirst(string target, Queue<Stored> queue)
    {
        var removed = queue.Dequeue();
        removed.Targets.Remove(target);
        _removed[target] = removed.Entry.Offset;
        if (removed.Targets.Count == 0 || flaw == LogFlaw.RemovesSharedEntriesAltogether)
        {
            _entries.Remove(removed);
            _largestRemoved = Math.Max(_largestRemoved, removed.Entry.Offset);
        }
    }

    private ReadOnlyMemory<byte> Copy(ReadOnlyMemory<byte> payload) => flaw switch
    {
        LogFlaw.BorrowsPayloadsForEver => payload,
        LogFlaw.CutsLargePayloads => payload[..Math.Min(payload.Length, 64 * 1024)].ToArray(),
        LogFlaw.LosesEmptyPayloads when payload.IsEmpty => new byte[1],
        _ => payload.ToArray(),
    };

    private string Key(LogAppend append) => flaw switch
    {
        LogFlaw.KeysCountPerTarget => $"{append.IdempotencyKey} {append.Targets[0]}",
        LogFlaw.TrimsKeys => append.IdempotencyKey!.Trim(),
        _ => append.IdempotencyKey!,
    };

    private string Name(LogTarget target) => flaw switch
    {
        LogFlaw.MixesKinds => target.Name,
        LogFlaw.IgnoresCase => $"{target.Kind}:{target.Name.ToUpperInvariant()}",
        LogFlaw.TrimsNames => $"{target.Kind}:{target.Name.Trim()}",
        LogFlaw.CutsNames => $"{target.Kind}:{target.Name[..Math.Min(target.Name.Length, 500)]}",
        _ => $"{target.Kind}:{target.Name}",
    };

    private sealed class Stored
    {
        public required LogEntry Entry { get; init; }

        public required HashSet<string> Targets { get; init; }
    }
}
