namespace DistributedSockets;

/// <summary>Puts pages of an in-memory log together. Called under the log's lock.</summary>
internal static class InMemoryLogReading
{
    /// <summary>The entries of the whole log that a query asks for, in the order in which it wants them.</summary>
    internal static IEnumerable<InMemoryLogEntry> Between(SortedSet<InMemoryLogEntry> entries, in LogQuery query)
    {
        if (query.After == query.UpTo)
        {
            return [];
        }

        var view = entries.GetViewBetween(new() { Offset = query.After + 1 }, new() { Offset = query.UpTo });
        return query.FromEnd ? view.Reverse() : view;
    }

    /// <summary>The entries of some targets that a query asks for, merged, in the order in which it wants them.</summary>
    internal static IEnumerable<InMemoryLogEntry> Between(List<InMemoryTargetLog> logs, LogQuery query)
    {
        // An entry of several targets comes out several times, one right after the other.
        var next = new PriorityQueue<(InMemoryTargetLog Log, int Index), long>(logs.Count);
        foreach (var log in logs)
        {
            Enqueue(log, query.FromEnd ? log.CountUpTo(query.UpTo) - 1 : log.CountUpTo(query.After));
        }

        InMemoryLogEntry? last = null;
        while (next.TryDequeue(out var found, out _))
        {
            var entry = found.Log[found.Index];
            Enqueue(found.Log, query.FromEnd ? found.Index - 1 : found.Index + 1);
            if (entry != last)
            {
                last = entry;
                yield return entry;
            }
        }

        void Enqueue(InMemoryTargetLog log, int index)
        {
            if (index >= 0 && index < log.Count && log[index].Offset is var offset && offset > query.After && offset <= query.UpTo)
            {
                next.Enqueue((log, index), query.FromEnd ? -offset : offset);
            }
        }
    }

    /// <summary>Takes what fits the limits, and says which stretch that covers.</summary>
    internal static LogPage Page(IEnumerable<InMemoryLogEntry> entries, in LogQuery query, LogPosition end, long removedTo)
    {
        var page = new List<LogEntry>();
        var bytes = 0L;
        InMemoryLogEntry? left = null;
        foreach (var entry in entries)
        {
            bytes += entry.Payload.Length;
            if (page.Count == query.MaxEntries || (bytes > query.MaxBytes && page.Count > 0))
            {
                left = entry;
                break;
            }

            page.Add(entry.ToLogEntry());
        }

        if (query.FromEnd)
        {
            page.Reverse();
        }

        return new()
        {
            Entries = page,
            IsKnown = true,
            End = end,
            ReadAfter = query.FromEnd ? left?.Offset ?? query.After : query.After,
            ReadTo = query.FromEnd ? query.UpTo : left?.Offset - 1 ?? query.UpTo,
            RemovedTo = removedTo,
        };
    }
}
