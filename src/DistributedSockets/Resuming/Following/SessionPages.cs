namespace DistributedSockets;

/// <summary>Reads what stands in the log for a session, in however many groups it is, for a bounded number of sessions at once.</summary>
internal sealed class SessionPages(HubLogs logs, int atOnce) : IDisposable
{
    private const int MaxEntries = 256;
    private const int MaxBytes = 1024 * 1024;

    private readonly SemaphoreSlim _turns = new(atOnce);
    private int _waiting;

    /// <summary>Whether as many sessions wait for their turn as the log is read for at once.</summary>
    internal bool IsSaturated => Volatile.Read(ref _waiting) >= atOnce;

    public void Dispose() => _turns.Dispose();

    /// <summary>Reads a page of the targets that a session has at the offset behind which it begins. Where it joins a group within the page, the rest has to be read anew.</summary>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    internal async Task<LogPage> ReadAsync(HubConnections hub, ResumableSession session, long after, long upTo, CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref _waiting);
        try
        {
            await _turns.WaitAsync(cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }

        try
        {
            LogPage? whole = null;
            foreach (var targets in TargetsOf(session, after).Chunk(LogQuery.MaxTargets))
            {
                var query = new LogQuery
                {
                    Targets = targets, Epoch = session.Epoch, After = after, UpTo = whole?.ReadTo ?? upTo, MaxEntries = MaxEntries, MaxBytes = MaxBytes,
                };
                var page = await logs.ReadAsync(hub, query, cancellationToken);
                whole = whole is null ? page : Merge(whole, page);
                if (!page.IsKnown)
                {
                    return page;
                }
            }

            return whole!; // there are three targets or two at least
        }
        finally
        {
            _turns.Release();
        }
    }

    /// <summary>Puts a page and one of other targets into one that goes as far as both do.</summary>
    private static LogPage Merge(LogPage page, LogPage other)
    {
        var readTo = Math.Min(page.ReadTo, other.ReadTo);
        return new()
        {
            Entries = [.. page.Entries.Concat(other.Entries).Where(entry => entry.Offset <= readTo).DistinctBy(static entry => entry.Offset).OrderBy(static entry => entry.Offset)],
            IsKnown = true,
            End = other.End,
            ReadAfter = page.ReadAfter,
            ReadTo = readTo,
            RemovedTo = Math.Max(page.RemovedTo, other.RemovedTo),
        };
    }

    private static List<LogTarget> TargetsOf(ResumableSession session, long offset)
    {
        var groups = session.GroupsAt(offset);
        var targets = new List<LogTarget>(groups.Count + 3) { LogTarget.All, LogTarget.Connection(session.Id) };
        if (session.UserId is { } userId)
        {
            targets.Add(LogTarget.User(userId));
        }

        foreach (var group in groups)
        {
            targets.Add(LogTarget.Group(group));
        }

        return targets;
    }
}
