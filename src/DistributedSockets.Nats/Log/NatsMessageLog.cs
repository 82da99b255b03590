using System.Collections.Concurrent;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets;

/// <summary>The message log in JetStream: a stream for each hub and epoch.</summary>
/// <remarks>
/// Each node that is subscribed to a hub has one consumer of the whole stream, which pushes to it in order. To have the server republish what it
/// stores was no alternative: what a server of version 2.9 republishes does not say when it was stored, so that it would differ from what is
/// read, and a server that dies between the one and the other republishes it never. A consumer that is lost is made anew behind the last
/// entry that came, so that an outage leaves no hole.
/// </remarks>
internal sealed partial class NatsMessageLog : IMessageLog, ISessionRecordStore
{
    private const int MaxKeyBytes = 256;
    private const int HeaderBytes = 128; // of a message with an id, and some to spare

    private readonly ConcurrentDictionary<string, HubState> _hubs = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stop = new();
    private readonly NatsConnector _connector;
    private readonly NatsLogApi _api;
    private readonly NatsLogAnswers _answers;
    private readonly NatsLogSettings _settings;
    private readonly TransportMonitor _monitor;
    private readonly RareLog _failures;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly string _prefix;
    private readonly string _anyHub;
    private readonly int _maxPendingBytes;
    private readonly Lock _gate = new();
    private long _pendingBytes;
    private long _appends;
    private IMessageLogReceiver? _receiver;
    private Task? _disposal;
    private volatile bool _isDisposed;

    public NatsMessageLog(
        IOptions<NatsMessageLogOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<NatsMessageLog>? logger = null)
    {
        var settings = options.Value;
        _logger = new FailSafeLogger(logger ?? NullLogger<NatsMessageLog>.Instance);
        _timeout = settings.OperationTimeout;
        _time = time;
        _prefix = clusterOptions.Value.Prefix;
        _anyHub = NatsLogNames.SubjectsOf(_prefix);
        _maxPendingBytes = settings.MaxPendingBytes;
        _failures = new(1, time);
        _settings = new(settings.LogStorage == NatsStorage.File ? "file" : "memory", settings.LogReplicas, settings.MaxLogBytes, new RareLog(2, time));
        _connector = new NatsConnector(settings, "DistributedSockets message log", makesRequests: true);
        _api = new NatsLogApi(_connector, _timeout, time, _stop.Token);
        _answers = new NatsLogAnswers(_api, $"{_connector.Connection.Opts.InboxPrefix}.{Guid.NewGuid():N}");
        _monitor = new TransportMonitor(HoldAsync, time);
        _monitor.StateChanged += OnStateChanged;
    }

    public string System => "nats";

    public bool LimitsBytes => false;

    /// <inheritdoc/>
    /// <remarks>A stream takes an entry without a look at another one.</remarks>
    public bool RefusesStaleAppends => false;

    public async ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            _receiver = receiver;
            _connector.Connection.ConnectionDisconnected += OnDisconnected;
            _connector.Connection.ConnectionOpened += OnOpened;
            _monitor.Start(new NatsLogReports(receiver));
        }

        await _monitor.WaitForFirstReportAsync(_timeout, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        var log = HubOf(hub).Log;
        ThrowIfUnfit(append);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        var bytes = NatsLogTargets.Bytes(append.Targets) + append.Payload.Length;
        var waiting = new NatsLogAppend(append, Interlocked.Increment(ref _appends));
        try
        {
            ThrowIfFull(Interlocked.Add(ref _pendingBytes, bytes), bytes);
            log.Submit(waiting); // nothing is awaited before, so that entries stand in the order of the calls
            return await AnswerAsync(log, waiting, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            _answers.Forget(waiting);
            if (!waiting.Task.IsCompletedSuccessfully)
            {
                waiting.Withdraw();
                waiting.Task.Observe(); // it may fail when nobody waits any more
            }

            if (waiting.Writing.IsCompleted)
            {
                Interlocked.Add(ref _pendingBytes, -bytes);
            }
            else
            {
                ReleaseLater(waiting.Writing, bytes);
            }
        }
    }

    public async ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        if (state.Feed is not null)
        {
            return;
        }

        var feed = new NatsLogFeed(state.Log, _api, _receiver ?? throw NotStarted(), _logger, _failures, _monitor.CheckNow);
        try
        {
            // At once it is one of those that are restored, so that a connection which is lost meanwhile does not pass it by.
            state.Feed = feed;
            ThrowIfDisposed();
            await feed.EnsureAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception)
        {
            state.Feed = null;
            feed.EndAsync().Observe();
            if (NatsErrors.IsOutage(exception, cancellationToken))
            {
                throw new MessageLogUnavailableException($"NATS did not take a subscription within {_timeout}: {exception.Message}", exception);
            }

            throw;
        }
    }

    public async ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        if (state.Feed is not { } feed)
        {
            return;
        }

        state.Feed = null;
        var ending = feed.EndAsync(); // from here on nothing is handed over
        ending.Observe();
        try
        {
            await ending.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (NatsErrors.IsOutage(exception, cancellationToken))
        {
            // It is gone with the connection.
        }
    }

    public async ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        return (await state.Log.GetEndAsync().WaitAsync(cancellationToken).ConfigureAwait(false)).Position;
    }

    public async ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        if (query.MaxEntries < 1 || query.MaxBytes < 1 || query.UpTo < query.After)
        {
            throw new ArgumentException("Read at least one entry and one byte, up to an offset that is no smaller than the one to read after.", nameof(query));
        }

        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        return await state.Reader.ReadAsync(query, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        return await state.Records.ReadAsync(sessionId, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        var state = HubOf(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        cancellationToken.ThrowIfCancellationRequested();
        ThrowIfDisposed();
        return await state.Records.SwapAsync(sessionId, expectedVersion, record, cancellationToken).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            return new ValueTask(_disposal ??= DisposeCoreAsync());
        }
    }

    private async Task DisposeCoreAsync()
    {
        await Task.Yield(); // off the lock
        _isDisposed = true;
        await _monitor.DisposeAsync().ConfigureAwait(false);
        _connector.Connection.ConnectionDisconnected -= OnDisconnected;
        _connector.Connection.ConnectionOpened -= OnOpened;
        foreach (var state in _hubs.Values)
        {
            state.Reader.Dispose();
            state.Feed?.Close();
        }

        _answers.FailFromNowOn();
        await _stop.CancelAsync().ConfigureAwait(false); // the client does not tell those who wait for an answer
        if (_connector.IsOwned)
        {
            _api.Subscriptions.BeginClose();
        }
        else
        {
            var ending = Task.WhenAll([_answers.EndAsync(), .. _hubs.Values.Select(static state => state.Feed?.EndAsync() ?? Task.CompletedTask)]);
            ending.Observe();
            await ending.WaitAsync(_timeout, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _connector.DisposeAsync().ConfigureAwait(false);
    }

    /// <summary>Counts an entry that was given up here until the client holds it no more.</summary>
    private void ReleaseLater(Task writing, int bytes) => writing.ContinueWith(
        static (_, state) =>
        {
            var (log, bytes) = ((NatsMessageLog, int))state!;
            Interlocked.Add(ref log._pendingBytes, -bytes);
        },
        (this, bytes),
        CancellationToken.None,
        TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    /// <summary>Waits for the answer to an append, and says what it means.</summary>
    private async Task<LogAppendResult> AnswerAsync(NatsHubLog log, NatsLogAppend append, CancellationToken cancellationToken)
    {
        JetStreamAnswer answer;
        try
        {
            answer = await append.Task.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            _monitor.CheckNow();
            var isUnknown = append.Withdraw();
            throw new MessageLogUnavailableException(
                isUnknown
                    ? $"JetStream did not confirm an entry within {_timeout}; it may be in the log all the same. Check that it is up and not overloaded."
                    : $"The log of hub '{log.Hub.Name}' was not found in JetStream within {_timeout}, so an entry was not appended. Check that its servers are up and enough of them to agree.",
                exception) { IsOutcomeUnknown = isUnknown };
        }

        var stream = append.Stream!;
        if (answer.Error is { Code: JetStreamError.NoStream })
        {
            log.Forget(stream);
            throw new MessageLogUnavailableException(
                $"No server of JetStream has the log of hub '{log.Hub.Name}' at the moment, so an entry was not appended. Check that its servers are up and enough of them to agree.");
        }

        if (answer.Error is { } error)
        {
            throw new MessageLogUnavailableException($"JetStream refused an entry: {error.Description} ({error.Code}). It was not appended.");
        }

        var sequence = (long)answer.Sequence;
        if (sequence < 1)
        {
            throw new MessageLogUnavailableException("JetStream confirmed an entry by something that cannot be read; it may be in the log.") { IsOutcomeUnknown = true };
        }

        if (!answer.Duplicate && sequence <= append.KnownBefore)
        {
            log.Forget(stream);
            log.ReplaceAsync(stream, _stop.Token).Observe();
            throw new MessageLogUnavailableException(
                $"The log of hub '{log.Hub.Name}' has lost entries and gives the same offsets again, so another epoch begins. An entry may be in the log.") { IsOutcomeUnknown = true };
        }

        stream.Learn(sequence);
        return new()
        {
            Position = new(stream.Epoch, sequence - 1),
            PreviousOffset = answer.Duplicate ? null : sequence - 2,
            IsRepeat = answer.Duplicate,
        };
    }

    private HubState HubOf(LogHub hub)
    {
        ArgumentNullException.ThrowIfNull(hub);
        return _hubs.TryGetValue(hub.Name, out var known) ? known : _hubs.GetOrAdd(hub.Name, static (_, made) => made.Owner.CreateHub(made.Hub), (Hub: hub, Owner: this));
    }

    private HubState CreateHub(LogHub hub)
    {
        var log = new NatsHubLog(hub, _prefix, _settings, _api, _answers, _logger, _monitor.CheckNow);
        return new(log, new(log, _api), new(_prefix, hub, _settings, _api));
    }

    private void ThrowIfUnfit(LogAppend append)
    {
        if (append.Targets is null)
        {
            throw new ArgumentException("An entry needs a target.", nameof(append));
        }

        if (append.IdempotencyKey is { } key && (key.Length == 0 || Encoding.UTF8.GetByteCount(key) > MaxKeyBytes))
        {
            throw new ArgumentException($"An idempotency key has 1 to {MaxKeyBytes} bytes of UTF-8.", nameof(append));
        }

        var bytes = NatsLogTargets.Bytes(append.Targets) + append.Payload.Length + (append.IdempotencyKey is null ? 0 : HeaderBytes);
        if (_connector.Connection.ServerInfo is { MaxPayload: > 0 and var limit } && bytes > limit)
        {
            throw new MessageLogUnavailableException(
                $"An entry of {bytes} bytes, all told, is larger than max_payload of the NATS server, which is {limit}, and was not appended. Raise that, or send less at once.");
        }
    }

    private void ThrowIfFull(long pendingBytes, int bytes)
    {
        if (pendingBytes > _maxPendingBytes && pendingBytes > bytes)
        {
            throw new MessageLogUnavailableException(
                $"Entries of {pendingBytes - bytes} bytes wait for JetStream, and another of {bytes} would exceed MaxPendingBytes, which is {_maxPendingBytes}. " +
                "It was not appended. JetStream or the network is too slow for what is sent.");
        }
    }

    private void ThrowIfDisposed() => ObjectDisposedException.ThrowIf(_isDisposed, this);

    private static InvalidOperationException NotStarted() => new("The message log has not been started. Call StartAsync first.");

    /// <summary>What there is for a hub.</summary>
    private sealed class HubState(NatsHubLog log, NatsLogReader reader, NatsRecords records)
    {
        private volatile NatsLogFeed? _feed;

        public NatsHubLog Log => log;

        public NatsLogReader Reader => reader;

        public NatsRecords Records => records;

        public NatsLogFeed? Feed
        {
            get => _feed;
            set => _feed = value;
        }
    }
}
