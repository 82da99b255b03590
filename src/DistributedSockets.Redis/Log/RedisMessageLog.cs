using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Redis as the message log. <see cref="RedisLogKeys"/> has the layout, <see cref="RedisLogScripts"/> what is done with it.</summary>
/// <remarks>
/// An entry is stored once, in a hash of its hub, however many targets it has; a target is a list of offsets. So the same layout does on
/// Garnet, which has no streams.
/// </remarks>
internal sealed partial class RedisMessageLog : IMessageLog, ISessionRecordStore
{
    private const int MaxNameBytes = 1_024;
    private const int MaxKeyBytes = 256;
    private const int MaxPartEntries = 1_000;
    private const int MaxPartBytes = 1024 * 1024;

    private readonly ConcurrentDictionary<string, (RedisLogHub Hub, RedisLogAppender Appender)> _hubs = new(StringComparer.Ordinal);
    private readonly StrongBox<long> _pendingBytes = new();
    private readonly RedisLogFeed _feed;
    private readonly string _prefix;
    private readonly TimeSpan _timeout;
    private readonly int _maxPendingBytes;
    private readonly int _replicas;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RareLog _failedLog;
    private readonly RareLog _unreadableLog;
    private readonly ConcurrentDictionary<string, bool> _asking = new(StringComparer.Ordinal);
    private readonly Lock _disposing = new();
    private IMessageLogReceiver? _receiver;
    private Task? _disposal;
    private volatile bool _isDisposed;

    public RedisMessageLog(
        IOptions<RedisMessageLogOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<RedisMessageLog>? logger = null)
    {
        _prefix = clusterOptions.Value.Prefix;
        _timeout = options.Value.OperationTimeout;
        _maxPendingBytes = options.Value.MaxPendingBytes;
        _replicas = options.Value.ReplicasToWaitFor;
        _time = time;
        _logger = new FailSafeLogger(logger ?? NullLogger<RedisMessageLog>.Instance);
        _failedLog = new(1, time);
        _unreadableLog = new(1, time);
        _feed = new RedisLogFeed(options.Value, _prefix, time, _logger);
        _feed.Doubted += OnDoubted;
    }

    public string System => "redis";

    public bool LimitsBytes => true;

    public bool RefusesStaleAppends => true;

    public async ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        _receiver = receiver;
        await _feed.StartAsync(receiver, cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ThrowIfMisused(append);
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_isDisposed, this);

        // Nothing is awaited before the append is handed on, so entries stand in the order of calls.
        var appender = Known(hub).Appender;
        _ = Connected("the entry was not appended");
        TakeRoom(append.Payload.Length);
        var pending = new RedisPendingAppend(append);
        appender.Append(pending);
        try
        {
            return await pending.Answer.WaitAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            _feed.Doubt();
            throw RedisLogCalls.NotAppended(exception, !pending.TryAbandon(), _timeout);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            pending.TryAbandon();
            throw;
        }
    }

    public async ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var known = Known(hub).Hub;
        try
        {
            await _feed.SubscribeAsync(known, _receiver!, cancellationToken).ConfigureAwait(false); // started before
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            throw RedisLogCalls.Failed($"the subscription to the log of hub '{hub.Name}'", exception, _timeout);
        }

        if (_isDisposed)
        {
            // Disposal may have run before it could see this hub, which would live on over a connection of the app.
            await _feed.UnsubscribeAsync(known, CancellationToken.None).ConfigureAwait(false);
            ObjectDisposedException.ThrowIf(true, this);
        }
    }

    public async ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        if (_hubs.TryGetValue(hub.Name, out var known))
        {
            await _feed.UnsubscribeAsync(known.Hub, cancellationToken).ConfigureAwait(false);
        }
    }

    public async ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        var known = Known(hub).Hub;
        return await AskAsync(
            "what asks for the end of the log",
            server => RedisLogCalls.EndAsync(known, server, hub.Retention),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ThrowIfMisused(query);
        var known = Known(hub).Hub;
        LogPage? whole = null;
        List<LogEntry> entries = [];
        var (bytes, after, upTo) = (0L, query.After, query.UpTo);
        do
        {
            var maxEntries = Math.Min(query.MaxEntries - entries.Count, MaxPartEntries);
            var maxBytes = (int)Math.Min(query.MaxBytes - bytes, MaxPartBytes);
            var (part, end) = await AskAsync(
                "what reads the log",
                server => ReadPartAsync(known, server, hub.Retention, query, after, upTo, maxEntries, maxBytes, mayExceed: entries.Count == 0),
                cancellationToken).ConfigureAwait(false);
            if (part is null)
            {
                return new LogPage { Entries = [], IsKnown = false, End = end, ReadAfter = query.After, ReadTo = query.After, RemovedTo = 0 };
            }

            entries.InsertRange(query.FromEnd ? 0 : entries.Count, part.Entries);
            bytes += part.Entries.Sum(static entry => (long)entry.Payload.Length);
            (after, upTo) = query.FromEnd ? (after, part.ReadAfter) : (part.ReadTo, upTo);
            whole = new LogPage
            {
                Entries = entries,
                IsKnown = true,
                End = end,
                ReadAfter = query.FromEnd ? part.ReadAfter : query.After,
                ReadTo = query.FromEnd ? query.UpTo : part.ReadTo,
                RemovedTo = Math.Max(part.RemovedTo, whole?.RemovedTo ?? 0),
            };
            if (part.Entries.Count == 0)
            {
                break; // the next one does not fit, or there is much to look through
            }
        }
        while (after < upTo && entries.Count < query.MaxEntries && bytes < query.MaxBytes);
        return whole;
    }

    public async ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        var known = Known(hub).Hub;
        return await AskAsync(
            "what reads the record of a session",
            server => RedisLogCalls.ReadRecordAsync(known, server, sessionId),
            cancellationToken).ConfigureAwait(false);
    }

    public async ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(hub);
        ArgumentException.ThrowIfNullOrEmpty(sessionId);
        var known = Known(hub).Hub;
        var value = record?.Value.ToArray() ?? []; // the multiplexer may still read it when nobody waits any more
        return await AskAsync(
            "what writes the record of a session",
            server => RedisLogCalls.SwapRecordAsync(known, server, hub.Retention, sessionId, expectedVersion, record?.Version ?? 0, value),
            cancellationToken,
            mayChange: true).ConfigureAwait(false);
    }

    public ValueTask DisposeAsync()
    {
        lock (_disposing)
        {
            return new ValueTask(_disposal ??= DisposeCoreAsync());
        }
    }

    private async Task DisposeCoreAsync()
    {
        _isDisposed = true;
        foreach (var (hub, appender) in _hubs.Values)
        {
            hub.Close();
            appender.Close();
        }

        await _feed.DisposeAsync().ConfigureAwait(false);
        _feed.Doubted -= OnDoubted;
    }

    private static void ThrowIfMisused(LogAppend append)
    {
        ArgumentNullException.ThrowIfNull(append.Targets, nameof(append));
        foreach (var target in append.Targets)
        {
            if (target.Name.Length > MaxNameBytes / 3 && Encoding.UTF8.GetByteCount(target.Name) is > MaxNameBytes and var length)
            {
                throw new ArgumentException($"The name of a target has {length} bytes of UTF-8. It may have {MaxNameBytes}.", nameof(append));
            }
        }

        if (append.IdempotencyKey is { } key && (key.Length == 0 || Encoding.UTF8.GetByteCount(key) > MaxKeyBytes))
        {
            throw new ArgumentException($"A key of idempotency has 1 to {MaxKeyBytes} bytes of UTF-8. Leave it out, or give another.", nameof(append));
        }
    }

    private static void ThrowIfMisused(LogQuery query)
    {
        if (query.MaxEntries < 1 || query.MaxBytes < 1 || query.UpTo < query.After)
        {
            throw new ArgumentException("A query needs MaxEntries and MaxBytes of 1 or more, and reads up to an offset no smaller than the one that it reads after.", nameof(query));
        }
    }

    /// <exception cref="MessageLogUnavailableException">There is no room for a payload beside those that Redis has not answered.</exception>
    private void TakeRoom(int bytes)
    {
        var pending = Interlocked.Add(ref _pendingBytes.Value, bytes);
        if (pending > _maxPendingBytes && pending > bytes)
        {
            Interlocked.Add(ref _pendingBytes.Value, -bytes);
            throw new MessageLogUnavailableException(
                $"Entries of {pending - bytes} bytes wait for Redis, and another of {bytes} would exceed MaxPendingBytes, which is {_maxPendingBytes}. " +
                "It was not appended. Redis or the network is too slow for what is sent.");
        }
    }

    private async Task<(LogPage? Page, LogPosition End)> ReadPartAsync(
        RedisLogHub hub, RedisLogServer server, LogRetention retention, LogQuery query, long after, long upTo, int maxEntries, int maxBytes, bool mayExceed)
    {
        // Keys hold the epoch, so the log's has to be known first.
        if (query.Epoch != hub.Current.Epoch && await RedisLogCalls.EndAsync(hub, server, retention).ConfigureAwait(false) is var end && end.Epoch != query.Epoch)
        {
            return (null, end);
        }

        return await RedisLogCalls.ReadAsync(hub, server, retention, query, after, upTo, maxEntries, maxBytes, mayExceed).ConfigureAwait(false);
    }

    private async Task<T> AskAsync<T>(string what, Func<RedisLogServer, Task<T>> ask, CancellationToken cancellationToken, bool mayChange = false)
    {
        cancellationToken.ThrowIfCancellationRequested();
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        var server = Connected("it cannot be read");
        try
        {
            return await ask(server).WithinAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            if (exception is not RedisServerException)
            {
                _feed.Doubt();
            }

            throw RedisLogCalls.Failed(what, exception, _timeout, isUnknown: mayChange && exception is not RedisServerException);
        }
    }

    private RedisLogServer Connected(string consequence) => _feed.Server ?? throw new MessageLogUnavailableException(
        $"Redis is not connected, so {consequence}. Check that Redis is up and that the configured address is right; the log reconnects by itself.");

    private (RedisLogHub Hub, RedisLogAppender Appender) Known(LogHub hub)
    {
        var known = _hubs.TryGetValue(hub.Name, out var existing) ? existing : _hubs.GetOrAdd(hub.Name, Create);
        known.Hub.Retention = hub.Retention;
        return known;
    }

    private (RedisLogHub Hub, RedisLogAppender Appender) Create(string name)
    {
        var keys = new RedisLogKeys(_prefix, name);
        var hub = new RedisLogHub(name, keys, AskForEpoch, OnDropped);
        return (hub, new RedisLogAppender(hub, _feed, _pendingBytes, _timeout, _time, _replicas > 0 ? new(keys.Head, _replicas, _timeout) : null));
    }

    private void OnDoubted()
    {
        foreach (var (_, appender) in _hubs.Values)
        {
            appender.Doubt();
        }
    }

    /// <summary>Entries of an epoch arrive that Redis has not named here.</summary>
    private void AskForEpoch(RedisLogHub hub)
    {
        if (_asking.TryAdd(hub.Name, true))
        {
            Task.Run(() => AskForEpochAsync(hub)).Observe();
        }
    }

    private async Task AskForEpochAsync(RedisLogHub hub)
    {
        try
        {
            // What is held is handed over by this, if it is of the log's epoch.
            await AskAsync("what asks for the epoch of the log", server => RedisLogCalls.EndAsync(hub, server, hub.Retention!), CancellationToken.None).ConfigureAwait(false);
            hub.DropHeld();
        }
        catch (Exception exception) when (exception is MessageLogUnavailableException or ObjectDisposedException)
        {
            // It is asked for again when the connection is restored, or by the next entry.
        }
        finally
        {
            _asking.TryRemove(hub.Name, out _);
        }
    }

    private void OnDropped(string hub, Exception? cause)
    {
        if (cause is null)
        {
            if (_unreadableLog.TryPass(out var dropped))
            {
                Log.UnreadableMessage(_logger, hub, dropped);
            }
        }
        else if (_failedLog.TryPass(out var others))
        {
            Log.ReceiverFailed(_logger, hub, others, cause);
        }
    }
}
