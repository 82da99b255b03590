namespace DistributedSockets;

/// <summary>Reads pages of a hub's log.</summary>
/// <remarks>
/// The server keeps one entry more of each target than it must. A target with as many has lost others, if any have been removed from between
/// those of the log at all, and the oldest that it has left counts as the last of these. So what was removed is known by target, although the server does not tell.
/// </remarks>
internal sealed class NatsLogReader(NatsHubLog log, NatsLogApi api) : IDisposable
{
    // How many entries one read looks through; the page then ends early.
    private const int MaxLooked = 8_192;

    // How many sequences are looked at in the first step backwards; each further one is twice as long, up to the last.
    private const int FirstStep = 128;
    private const int LastStep = 2_048;

    private readonly NatsLogSegments _segments = new(log, api);

    public void Dispose() => _segments.Dispose();

    public async Task<LogPage> ReadAsync(LogQuery query, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadKnownAsync(query, cancellationToken).ConfigureAwait(false);
        }
        catch (MessageLogUnavailableException) when (api.Connector.IsConnected)
        {
            // If the stream went away meanwhile, another epoch has begun, which is an answer.
            var now = await log.GetEndAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (now.Stream.Epoch != query.Epoch)
            {
                return Unknown(now);
            }

            throw;
        }
    }

    private async Task<LogPage> ReadKnownAsync(LogQuery query, CancellationToken cancellationToken)
    {
        var stream = await log.OpenAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        if (stream.Epoch != query.Epoch || stream.Known - 1 < query.UpTo)
        {
            var now = await log.GetEndAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
            if (now.Stream.Epoch != query.Epoch || now.Offset < query.UpTo)
            {
                return Unknown(now);
            }

            stream = now.Stream;
        }

        var page = new Page(query);
        await (query.FromEnd ? LookBackwardsAsync(stream, page, cancellationToken) : LookForwardsAsync(stream, page, cancellationToken)).ConfigureAwait(false);

        // Only now, so that whatever was removed before it could be read is known to be.
        var end = await log.GetEndAsync().WaitAsync(cancellationToken).ConfigureAwait(false);
        if (end.Stream.Epoch != query.Epoch)
        {
            return Unknown(end);
        }

        var removedTo = end.RemovedTo;
        var floors = new long[query.Targets?.Count ?? 0];
        if (query.Targets is null)
        {
            removedTo = Math.Max(removedTo, page.LastHole);
        }
        else if (end.HasHoles)
        {
            floors = await Task.WhenAll(query.Targets.Select(target => FindSurplusAsync(stream, target, cancellationToken))).ConfigureAwait(false);
            removedTo = Math.Max(removedTo, floors.Max());
        }

        page.Remove(end.RemovedTo, floors);
        return new()
        {
            Entries = page.Entries,
            IsKnown = true,
            End = new(query.Epoch, Math.Max(end.Offset, removedTo)), // more may have been appended since, and removed others
            ReadAfter = page.ReadAfter,
            ReadTo = page.ReadTo,
            RemovedTo = removedTo,
        };
    }

    private static LogPage Unknown(NatsLogEnd end) => new()
    {
        Entries = [],
        IsKnown = false,
        End = end.Position,
        ReadAfter = 0,
        ReadTo = 0,
        RemovedTo = end.RemovedTo,
    };

    private async Task LookForwardsAsync(NatsLogStream stream, Page page, CancellationToken cancellationToken)
    {
        var (next, last) = (page.Query.After + 2, page.Query.UpTo + 1);
        for (var looked = 0; next <= last && looked < MaxLooked;)
        {
            var segment = await _segments.GetAsync(stream, next, last, cancellationToken).ConfigureAwait(false);
            for (var i = segment.IndexOf(next); i < segment.Records.Count && segment.Records[i].Entry.Offset <= page.Query.UpTo; i++, looked++)
            {
                if (!page.TryTake(segment.Records[i]))
                {
                    page.ReadTo = segment.Records[i].Entry.Offset - 1;
                    return;
                }
            }

            next = segment.To + 1;
        }

        page.ReadTo = Math.Min(page.Query.UpTo, next - 2);
        page.NoteRest(page.ReadTo + 1);
    }

    private async Task LookBackwardsAsync(NatsLogStream stream, Page page, CancellationToken cancellationToken)
    {
        page.ReadTo = page.Query.UpTo;
        var stretch = new List<NatsLogRecord>();
        var (first, last) = (page.Query.After + 2, page.Query.UpTo + 1);
        var step = FirstStep;
        for (var looked = 0; last >= first && looked < MaxLooked; looked += stretch.Count + 1, step = Math.Min(2 * step, LastStep))
        {
            var begin = Math.Max(first, last - step + 1);
            stretch.Clear();
            for (var next = begin; next <= last;)
            {
                var segment = await _segments.GetAsync(stream, next, last, cancellationToken).ConfigureAwait(false);
                for (var i = segment.IndexOf(next); i < segment.Records.Count && segment.Records[i].Entry.Offset + 1 <= last; i++)
                {
                    stretch.Add(segment.Records[i]);
                }

                next = segment.To + 1;
            }

            for (var i = stretch.Count - 1; i >= 0; i--)
            {
                if (!page.TryTake(stretch[i]))
                {
                    page.ReadAfter = stretch[i].Entry.Offset;
                    page.Reverse();
                    return;
                }
            }

            last = begin - 1;
        }

        page.ReadAfter = Math.Max(page.Query.After, last - 1);
        page.NoteRest(page.ReadAfter);
        page.Reverse();
    }

    /// <summary>The offset of the entry that a target has beyond what it keeps: the last one that counts as removed; 0 if it has none.</summary>
    private async Task<long> FindSurplusAsync(NatsLogStream stream, LogTarget target, CancellationToken cancellationToken)
    {
        var subject = stream.SubjectOf(target);
        if (!await IsFullAsync().ConfigureAwait(false))
        {
            return 0;
        }

        // What the server removes between these two questions was beyond what the target keeps, or too old.
        var first = await api.GetNextAsync(stream.Name, subject, 1, cancellationToken).ConfigureAwait(false);
        return first is not null && await IsFullAsync().ConfigureAwait(false) ? (long)first.Sequence - 1 : 0;

        async Task<bool> IsFullAsync()
        {
            var info = await api.GetInfoAsync(stream.Name, subject, cancellationToken).ConfigureAwait(false);
            return info?.State?.Subjects is { } counts && counts.TryGetValue(subject, out var count) && (long)count >= log.MessagesPerSubject;
        }
    }

    /// <summary>A page as it fills.</summary>
    private sealed class Page
    {
        private readonly Dictionary<string, int>? _keys; // with the target's place in the query
        private readonly Dictionary<UInt128, int>? _hashes;
        private readonly List<NatsLogRecord> _taken = [];
        private long _bytes;
        private long _seen;

        public Page(LogQuery query)
        {
            Query = query;
            ReadAfter = query.After;
            _seen = query.FromEnd ? query.UpTo + 1 : query.After;
            if (query.Targets is { } targets)
            {
                (_keys, _hashes) = (new(targets.Count, StringComparer.Ordinal), new(targets.Count));
                for (var i = 0; i < targets.Count; i++)
                {
                    _keys[NatsLogStream.KeyOf(targets[i])] = i;
                    _hashes[NatsLogTargets.HashOf(targets[i])] = i;
                }
            }
        }

        public LogQuery Query { get; }

        public long ReadAfter { get; set; }

        public long ReadTo { get; set; }

        /// <summary>The last offset, of those looked at, at which nothing is left; 0 if there is none.</summary>
        public long LastHole { get; private set; }

        public IReadOnlyList<LogEntry> Entries => _taken.ConvertAll(static record => record.Entry);

        /// <summary>Takes an entry if it is asked for.</summary>
        /// <returns>Whether it fits, or need not.</returns>
        public bool TryTake(NatsLogRecord record)
        {
            NoteRest(record.Entry.Offset);
            if (_keys is not null && !_keys.ContainsKey(record.Key) && !Array.Exists(record.Targets, _hashes!.ContainsKey))
            {
                return true;
            }

            if (_taken.Count == Query.MaxEntries || (_taken.Count > 0 && _bytes + record.Entry.Payload.Length > Query.MaxBytes))
            {
                return false;
            }

            _taken.Add(record);
            _bytes += record.Entry.Payload.Length;
            return true;
        }

        /// <summary>Notes that nothing is left between the last entry and an offset, in the direction of reading.</summary>
        public void NoteRest(long offset)
        {
            var (low, high) = Query.FromEnd ? (offset, _seen) : (_seen, offset);
            if (high - low > 1)
            {
                LastHole = Math.Max(LastHole, high - 1);
            }

            _seen = offset;
        }

        public void Reverse() => _taken.Reverse();

        /// <summary>Leaves out what was removed since it was looked at, and what none of the targets has left, also of entries that others keep.</summary>
        /// <param name="removedTo">The offset up to which the log has removed what it had.</param>
        /// <param name="floors">For each target of the query, the offset up to which it has.</param>
        public void Remove(long removedTo, long[] floors) => _taken.RemoveAll(record => record.Entry.Offset <= removedTo || (_keys is not null
            && !(_keys.TryGetValue(record.Key, out var own) && floors[own] < record.Entry.Offset)
            && !Array.Exists(record.Targets, target => _hashes!.TryGetValue(target, out var index) && floors[index] < record.Entry.Offset)));
    }
}
