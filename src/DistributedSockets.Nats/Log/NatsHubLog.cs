using System.Security.Cryptography;
using System.Text;
using Microsoft.Extensions.Logging;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>The log of one hub: finds or begins the stream of its epoch, appends to it, and knows where it ends.</summary>
/// <remarks>
/// A stream that has lost messages counts from there again, as one in memory does whose server was restarted in a cluster, or one that was
/// restored from older files. An append that gets a sequence which the stream had reached before proves it, and so does a mark that is
/// written behind a last message that is too early. Then the stream is deleted, and the next epoch begins.
/// </remarks>
internal sealed class NatsHubLog
{
    // How long whoever is told that a stream exists, or has no messages yet, waits before the next look.
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(25);

    // How often a stream that was there must not be found: a server that has just taken the lead of the others may not know of it yet.
    private const int LooksBeforeAnother = 4;

    private readonly Lock _gate = new();
    private readonly Queue<NatsLogAppend> _waiting = new();
    private readonly NatsLogNames _names;
    private readonly NatsLogSettings _settings;
    private readonly NatsLogApi _api;
    private readonly NatsLogAnswers _answers;
    private readonly ILogger _logger;
    private readonly Action _onOtherEpoch;
    private readonly NatsSharedQuestion<NatsLogEnd> _end;
    private volatile NatsLogStream? _stream;
    private NatsLogStream? _last;
    private Task<NatsLogStream>? _opening;
    private long _highestEpoch;

    public NatsHubLog(LogHub hub, string prefix, NatsLogSettings settings, NatsLogApi api, NatsLogAnswers answers, ILogger logger, Action onOtherEpoch)
    {
        Hub = hub;
        _names = new NatsLogNames(prefix, hub.Name);
        _settings = settings;
        _api = api;
        _answers = answers;
        _logger = logger;
        _onOtherEpoch = onOtherEpoch;
        _end = new NatsSharedQuestion<NatsLogEnd>(GetEndCoreAsync);
    }

    public LogHub Hub { get; }

    /// <summary>The latest epoch that was found or begun; 0 for none.</summary>
    public long LatestEpoch => Volatile.Read(ref _highestEpoch);

    /// <summary>How many messages the server keeps of a subject: one more than it must, as the last one tells that others were removed.</summary>
    public long MessagesPerSubject => (long)Hub.Retention.MaxEntriesPerTarget + 1;

    /// <summary>Writes an append behind all before it, at once if the stream is known.</summary>
    public void Submit(NatsLogAppend append)
    {
        lock (_gate)
        {
            if (_stream is { } stream && _waiting.Count == 0)
            {
                Write(stream, append);
                return;
            }

            _waiting.Enqueue(append);
        }

        _ = OpenAsync();
    }

    /// <summary>The stream of the hub's epoch, which is found or begun.</summary>
    public Task<NatsLogStream> OpenAsync()
    {
        lock (_gate)
        {
            if (_stream is { } stream && _waiting.Count == 0)
            {
                return Task.FromResult(stream);
            }

            if (_opening is null)
            {
                _opening = OpenCoreAsync();
                _opening.Observe(); // whoever waits may give up
            }

            return _opening;
        }
    }

    /// <summary>Has the stream looked for anew by whoever needs it next.</summary>
    public void Forget(NatsLogStream? stream = null)
    {
        lock (_gate)
        {
            if (stream is null || ReferenceEquals(_stream, stream))
            {
                _stream = null;
            }
        }
    }

    /// <summary>Where the log ends, by an answer of the server that was asked for no earlier than now.</summary>
    public Task<NatsLogEnd> GetEndAsync() => _end.AskAsync();

    /// <summary>Deletes a stream that has proven to have lost messages. Whoever needs the log next begins another epoch.</summary>
    public async Task ReplaceAsync(NatsLogStream stream, CancellationToken cancellationToken)
    {
        NatsMessageLog.Log.EpochLost(_logger, Hub.Name, stream.Epoch, Math.Max(0, stream.Known - 1));
        await _api.DeleteStreamAsync(stream.Name, cancellationToken).ConfigureAwait(false);
        Forget(stream);
    }

    private async Task<NatsLogEnd> GetEndCoreAsync()
    {
        for (var attempt = 0; ; attempt++)
        {
            var stream = await OpenAsync().ConfigureAwait(false);
            var known = stream.Known;
            if (await _api.GetInfoAsync(stream.Name, null, _api.Stopping).ConfigureAwait(false) is { State: { } state })
            {
                if ((long)state.LastSequence >= known)
                {
                    stream.Learn((long)state.LastSequence);
                    return new(stream, state);
                }

                await SettleAsync(stream, _api.Stopping).ConfigureAwait(false);
            }

            Forget(stream); // it is gone, or has to be looked at once more
            if (attempt == 1)
            {
                throw new MessageLogUnavailableException($"The log of hub '{Hub.Name}' comes and goes in JetStream. Check that nobody else deletes its stream; the message log tries again.");
            }
        }
    }

    private async Task<NatsLogStream> OpenCoreAsync()
    {
        await Task.Yield(); // off the lock
        try
        {
            var stream = await FindOrBeginAsync(_api.Stopping).ConfigureAwait(false);
            var isOther = stream.Epoch != LatestEpoch;
            lock (_gate)
            {
                (_stream, _last, _opening) = (stream, stream, null);
                Volatile.Write(ref _highestEpoch, Math.Max(_highestEpoch, stream.Epoch));
                while (_waiting.TryDequeue(out var append))
                {
                    Write(stream, append);
                }
            }

            if (isOther)
            {
                _onOtherEpoch();
            }

            return stream;
        }
        catch (Exception exception)
        {
            lock (_gate)
            {
                _opening = null;
                while (_waiting.TryDequeue(out var append))
                {
                    append.TrySetException(exception);
                }
            }

            throw;
        }
    }

    private async Task<NatsLogStream> FindOrBeginAsync(CancellationToken cancellationToken)
    {
        var started = _api.Time.GetTimestamp();
        for (var look = 1; ; look++)
        {
            var epochs = (await _api.FindStreamsAsync(_names.AllSubjects, cancellationToken).ConfigureAwait(false))
                .Select(_names.EpochOf).OfType<long>().Order().ToList();
            var latest = epochs is [.., var last] ? last : 0;
            NatsLogStream? found = null;
            if (latest >= LatestEpoch && latest > 0)
            {
                found = await LookAtAsync(latest, started, cancellationToken).ConfigureAwait(false);
            }
            else if (look >= LooksBeforeAnother || LatestEpoch == 0)
            {
                // Gone, or restored from a time before the epoch that was here already.
                foreach (var other in epochs)
                {
                    await ReplaceAsync(_names.Stream(other), cancellationToken).ConfigureAwait(false);
                }

                found = await BeginAsync(cancellationToken).ConfigureAwait(false);
            }

            if (found is not null)
            {
                // Two servers of a cluster may have let two nodes begin the log at the same moment: the larger epoch wins.
                foreach (var other in epochs.Where(other => other < found.Epoch))
                {
                    await _api.DeleteStreamAsync(_names.Stream(other).Name, cancellationToken).ConfigureAwait(false);
                }

                return found;
            }

            if (_api.Time.GetElapsedTime(started) > _api.Timeout)
            {
                throw new MessageLogUnavailableException(
                    $"The log of hub '{Hub.Name}' is not there yet in JetStream. Check that its servers are up and enough of them to agree; the message log tries again.");
            }

            await _api.PauseAsync(LookInterval).ConfigureAwait(false);
        }
    }

    /// <summary>Looks at the stream of an epoch.</summary>
    /// <returns>The stream; null to look for one again.</returns>
    private async Task<NatsLogStream?> LookAtAsync(long epoch, long started, CancellationToken cancellationToken)
    {
        var stream = _last is { } last && last.Epoch == epoch ? last : _names.Stream(epoch);
        var known = stream.Known;
        if (await _api.GetInfoAsync(stream.Name, null, cancellationToken).ConfigureAwait(false) is not { State: { } state, Config: { } config })
        {
            return null;
        }

        if ((long)state.LastSequence < Math.Max(known, 1))
        {
            // Whoever creates a stream marks its beginning at once. Until then it looks like one that has lost everything.
            if (known > 0 || _api.Time.GetElapsedTime(started) > _api.Timeout / 2)
            {
                await SettleAsync(stream, cancellationToken).ConfigureAwait(false);
            }

            return null;
        }

        if (known == 0 && state is { FirstSequence: 1, Messages: > 0 }
            && await _api.GetNextAsync(stream.Name, ">", 1, cancellationToken).ConfigureAwait(false) is { Sequence: 1 } first && first.Subject != stream.Begin)
        {
            await ReplaceAsync(stream, cancellationToken).ConfigureAwait(false); // it has lost everything and was appended to since
            return null;
        }

        if (await _api.GetNextAsync(stream.Name, stream.Lost, 1, cancellationToken).ConfigureAwait(false) is not null)
        {
            await ReplaceAsync(stream, cancellationToken).ConfigureAwait(false); // somebody has proven it, and did not come to delete it
            return null;
        }

        await AdjustAsync(stream, config, cancellationToken).ConfigureAwait(false);
        stream.Learn((long)state.LastSequence);
        return stream;
    }

    /// <summary>Begins the log, unless somebody else does.</summary>
    private async Task<NatsLogStream?> BeginAsync(CancellationToken cancellationToken)
    {
        // By the clock, so that it is larger than all before although nobody knows them any more.
        var stream = _names.Stream(Math.Max(_api.Time.GetUtcNow().ToUnixTimeMilliseconds(), _highestEpoch + 1));
        var answer = await _api.ConfigureAsync("CREATE", ConfigOf(stream), cancellationToken).ConfigureAwait(false);
        if (answer.Error is { Code: JetStreamError.NameInUse or JetStreamError.SubjectsOverlap })
        {
            return null;
        }

        NatsLogApi.ThrowIfRefused(answer, $"to create the log of hub '{Hub.Name}'");
        if (await _api.MarkAsync(stream.Begin, 0, cancellationToken).ConfigureAwait(false) is not 1)
        {
            return null;
        }

        stream.Learn(1);
        NatsMessageLog.Log.EpochBegun(_logger, Hub.Name, stream.Epoch);
        return stream;
    }

    /// <summary>Finds out whether a stream has lost messages, or the server that answered did not have them yet, and replaces it if it has.</summary>
    private async Task SettleAsync(NatsLogStream stream, CancellationToken cancellationToken)
    {
        const int attempts = 4;
        for (var attempt = 1; ; attempt++)
        {
            if (await _api.GetInfoAsync(stream.Name, null, cancellationToken).ConfigureAwait(false) is not { State: { } state }
                || (state.LastSequence > 0 && (long)state.LastSequence >= stream.Known))
            {
                return;
            }

            // Only servers that agree take the mark, and only if none of them knows of a later message.
            if (attempt >= attempts && await _api.MarkAsync(stream.Lost, (long)state.LastSequence, cancellationToken).ConfigureAwait(false) is not null)
            {
                await ReplaceAsync(stream, cancellationToken).ConfigureAwait(false);
                return;
            }

            await _api.PauseAsync(LookInterval * attempt).ConfigureAwait(false);
            if (attempt == 2 * attempts)
            {
                throw new MessageLogUnavailableException($"JetStream does not know the latest entries of hub '{Hub.Name}'. Check that its servers are up; the message log tries again.");
            }
        }
    }

    /// <summary>Has an existing stream keep what this node's options say.</summary>
    private async Task AdjustAsync(NatsLogStream stream, JetStreamConfig found, CancellationToken cancellationToken)
    {
        var wanted = ConfigOf(stream);
        if (found.Storage != wanted.Storage || found.Replicas != wanted.Replicas)
        {
            if (_settings.OtherSettings.TryPass(out _))
            {
                NatsMessageLog.Log.OtherSettings(_logger, stream.Name, $"storage {found.Storage}, replicas {found.Replicas}");
            }

            wanted = wanted with { Storage = found.Storage, Replicas = found.Replicas };
        }

        if (found.MaxAge == wanted.MaxAge && found.MaxPerSubject == wanted.MaxPerSubject && found.DuplicateWindow == wanted.DuplicateWindow && found.MaxBytes == wanted.MaxBytes)
        {
            return;
        }

        var answer = await _api.ConfigureAsync("UPDATE", wanted, cancellationToken).ConfigureAwait(false);
        NatsLogApi.ThrowIfRefused(answer, $"to keep other entries of hub '{Hub.Name}'");
        NatsMessageLog.Log.RetentionChanged(_logger, Hub.Name);
    }

    private JetStreamConfig ConfigOf(NatsLogStream stream) => new()
    {
        Name = stream.Name,
        Subjects = [stream.Subjects, _names.OnlySubject],
        Retention = "limits",
        Discard = "old",
        Storage = _settings.Storage,
        Replicas = _settings.Replicas,
        MaxAge = (long)Hub.Retention.MaxAge.TotalNanoseconds,
        MaxPerSubject = MessagesPerSubject,
        MaxBytes = _settings.MaxBytes == 0 ? -1 : _settings.MaxBytes,
        DuplicateWindow = (long)Hub.Retention.IdempotencyTime.TotalNanoseconds,
    };

    /// <summary>Puts an append into the client's buffer. Called under the lock, so that the order of calls is the order on the wire.</summary>
    private void Write(NatsLogStream stream, NatsLogAppend append)
    {
        if (!append.Begin(stream))
        {
            return;
        }

        var subject = append.Targets.Count == 1 ? stream.SubjectOf(append.Targets[0]) : stream.NextListSubject(Hub.Retention.MaxEntriesPerTarget);
        var headers = append.Key is { } key ? new NatsHeaders { ["Nats-Msg-Id"] = IdOf(key) } : null;
        try
        {
            if (_api.Connector.IsConnected)
            {
                append.Writing = _api.Connector.Connection.PublishAsync(
                    subject, append, headers, replyTo: _answers.SubjectFor(append), serializer: NatsLogAppend.Serializer).AsTask();
                append.Writing.Observe();
            }
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, CancellationToken.None))
        {
            append.TrySetException(new MessageLogUnavailableException($"NATS did not take an entry: {exception.Message}", exception) { IsOutcomeUnknown = append.Withdraw() });
            return;
        }

        if (!append.Withdraw())
        {
            append.TrySetException(new MessageLogUnavailableException(NatsLogApi.NotConnected()));
        }
    }

    /// <summary>A key as the id of a message, which is text of any length in a header.</summary>
    private static string IdOf(string key) => Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(key)).AsSpan(0, 16));
}
