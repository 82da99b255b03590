namespace DistributedSockets;

/// <summary>
/// What is being read of a hub's log at this node: one pass over the stream, some hundred entries at a time, serves all that read at the same
/// time.
/// </summary>
/// <remarks>
/// A consumer may stand on a server that is behind the one which leads the stream. So the end of what it has counts as the end only when the
/// leader knows of nothing that follows.
/// </remarks>
internal sealed class NatsLogSegments(NatsHubLog log, NatsLogApi api) : IDisposable
{
    private const int FetchedEntries = 256;
    private const int Alignment = 64;
    private const long MinFetchedBytes = 4 * 1024 * 1024;
    private const int KeptSegments = 16;
    private const long KeptBytes = 16 * 1024 * 1024;

    // How long what was read is kept for whoever reads next, and the pass for going on.
    private static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(20);

    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _gate = new();
    private readonly LinkedList<NatsLogSegment> _kept = new(); // the latest used first
    private NatsLogPass? _pass;
    private ITimer? _idle;
    private bool _isDisposed;

    /// <summary>A stretch of the stream that begins with a sequence or before, and goes at least up to it.</summary>
    /// <param name="stream">The stream.</param>
    /// <param name="from">The sequence.</param>
    /// <param name="upTo">A sequence that the stream is known to have reached: up to there it is known what there is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<NatsLogSegment> GetAsync(NatsLogStream stream, long from, long upTo, CancellationToken cancellationToken)
    {
        if (Find(stream, from) is { } found)
        {
            return found; // nobody need wait for what is there
        }

        await _turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            // Where the pass stands, or from a little before, so that those who begin at about the same place share what is read, whoever comes first.
            var start = _pass is { } pass && pass.Next == from && pass.Stream == stream ? from : Math.Max(NatsLogStream.FirstEntry, from / Alignment * Alignment);
            while (true)
            {
                if (Find(stream, from) is { } read)
                {
                    return read;
                }

                start = Keep(await ReadAsync(stream, start, upTo, cancellationToken).ConfigureAwait(false)).To + 1;
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _idle?.Dispose();
            _kept.Clear();
        }
    }

    private async Task<NatsLogSegment> ReadAsync(NatsLogStream stream, long from, long upTo, CancellationToken cancellationToken)
    {
        var maxBytes = Math.Max(MinFetchedBytes, 2L * api.Connector.Connection.ServerInfo?.MaxPayload ?? 0);
        for (var started = api.Time.GetTimestamp(); ;)
        {
            var isNew = _pass is not { Next: > 0 } || _pass.Next != from || _pass.Stream != stream;
            if (isNew)
            {
                _pass?.End();
                _pass = null;
                _pass = await NatsLogPass.BeginAsync(api, stream, from, cancellationToken).ConfigureAwait(false);
            }

            IReadOnlyList<NatsLogRecord> records;
            try
            {
                records = await _pass!.FetchAsync(FetchedEntries, maxBytes, cancellationToken).ConfigureAwait(false);
            }
            catch (MessageLogUnavailableException) when (!isNew && api.Connector.IsConnected)
            {
                continue; // the server may have taken the consumer away meanwhile
            }

            // A consumer that began in front of where it was asked to, as its server is behind, gives again what is known.
            records = [.. records.Where(record => record.Entry.Offset + 1 >= from)];
            var to = _pass.Next - 1;
            if (to >= upTo || records.Count == FetchedEntries)
            {
                return new(stream, from, to, records);
            }

            var following = await api.GetNextAsync(stream.Name, ">", Math.Max(to + 1, from), cancellationToken).ConfigureAwait(false);
            if (following is null || (long)following.Sequence > upTo)
            {
                return new(stream, from, upTo, records);
            }

            if ((long)following.Sequence > to + 1 && to >= from)
            {
                return new(stream, from, (long)following.Sequence - 1, records);
            }

            if (to >= from)
            {
                return new(stream, from, to, records);
            }

            if (api.Time.GetElapsedTime(started) > api.Timeout)
            {
                throw new MessageLogUnavailableException($"A server of JetStream has not caught up with hub '{log.Hub.Name}' yet. Check that all of them are up; read again.");
            }

            _pass.End();
            _pass = null;
            await api.PauseAsync(LookInterval).ConfigureAwait(false);
        }
    }

    private NatsLogSegment? Find(NatsLogStream stream, long sequence)
    {
        lock (_gate)
        {
            for (var node = _kept.First; node is not null; node = node.Next)
            {
                if (node.Value.Stream == stream && node.Value.From <= sequence && sequence <= node.Value.To)
                {
                    _kept.Remove(node);
                    _kept.AddFirst(node);
                    return node.Value;
                }
            }
        }

        return null;
    }

    private NatsLogSegment Keep(NatsLogSegment segment)
    {
        lock (_gate)
        {
            _kept.AddFirst(segment);
            for (var bytes = _kept.Sum(static kept => kept.Bytes); _kept.Count > KeptSegments || (bytes > KeptBytes && _kept.Count > 1);)
            {
                bytes -= _kept.Last!.Value.Bytes;
                _kept.RemoveLast();
            }

            if (_isDisposed)
            {
                return segment;
            }

            _idle ??= api.Time.CreateTimer(static segments => ((NatsLogSegments)segments!).Clear(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
            _idle.Change(IdleTime, Timeout.InfiniteTimeSpan);
        }

        return segment;
    }

    private void Clear()
    {
        lock (_gate)
        {
            _kept.Clear();
        }

        if (_turn.Wait(0))
        {
            _pass?.End();
            _pass = null;
            _turn.Release();
        }
    }
}
