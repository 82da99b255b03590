using System.Buffers;
using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The logs of this process's hubs: appends to them, and has a lane for each hub whose connections are here. Does nothing for a hub without a log.</summary>
internal sealed partial class HubLogs : IMessageLogReceiver
{
    /// <summary>When to try again to tell of a loss.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly IMessageLog _log;
    private readonly IBackplane _backplane;
    private readonly Hubs _hubs;
    private readonly LocalNode _node;
    private readonly EnvelopeWriter _writer;
    private readonly EnvelopeSealer _sealer;
    private readonly LogDelivery _delivery;
    private readonly RefusedEnvelopes _refused;
    private readonly LossReporter _losses;
    private readonly NodeHealth _health;
    private readonly DistributedWebSocketsMetrics _metrics;
    private readonly DistributedWebSocketsOptions _options;
    private readonly TimeProvider _time;
    private readonly FailSafeLogger _logger;
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, LogSubscription> _subscriptions = new(StringComparer.Ordinal);
    private readonly Dictionary<string, LogPosition> _acknowledged = new(StringComparer.Ordinal); // its own lock
    private readonly CancellationTokenSource _ending = new();
    private volatile Task? _started;
    private bool _stopped;

    public HubLogs(
        IMessageLog log,
        IBackplane backplane,
        Hubs hubs,
        LocalNode node,
        EnvelopeWriter writer,
        EnvelopeSealer sealer,
        LogDelivery delivery,
        RefusedEnvelopes refused,
        LossReporter losses,
        NodeHealth health,
        DistributedWebSocketsMetrics metrics,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time,
        FailSafeLogger<HubLogs> logger)
    {
        (_log, _backplane, _hubs, _node, _writer, _sealer) = (log, backplane, hubs, node, writer, sealer);
        (_delivery, _refused, _losses) = (delivery, refused, losses);
        (_health, _metrics, _options, _time, _logger) = (health, metrics, options.Value, time, logger);
    }

    /// <summary>Starts the log and subscribes the hubs that are served here, if any of those known by now has a log. Others follow when they are needed.</summary>
    /// <exception cref="OptionsValidationException">The log cannot keep what the options of a hub ask for.</exception>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        var failures = new List<string>();
        foreach (var hub in _hubs.All)
        {
            if (hub.Log is not null)
            {
                failures.AddRange(Problems(hub));
            }
        }

        if (failures.Count > 0)
        {
            throw new OptionsValidationException(HubOptionsCheck.Section, typeof(HubOptions), failures);
        }

        foreach (var hub in _hubs.All)
        {
            if (hub.Log is null)
            {
                continue;
            }

            await StartedAsync().WaitAsync(cancellationToken);
            if (hub.IsServed)
            {
                Subscribe(hub);
            }
        }
    }

    /// <summary>Ends all lanes; a log that does not answer is not waited for longer than the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            _stopped = true;
        }

        await _ending.CancelAllAsync();
        await Task.WhenAll(_subscriptions.Values.Select(subscription => subscription.StopAsync(cancellationToken)));
    }

    /// <summary>Subscribes a hub before its next connection is let in, and waits for that, but not while the log is away and not for long: messages that are not logged need no log.</summary>
    internal async ValueTask AdmitAsync(HubConnections hub)
    {
        if (hub.Log is null)
        {
            return;
        }

        try
        {
            if (Subscribe(hub) is { Begun.IsCompleted: false } subscription && _health.LogProblem is null)
            {
                await subscription.Begun.WaitAsync(_options.RemoteCommandTimeout, _time);
            }
        }
        catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
        {
            // The subscription goes on trying, and reports what its connections miss.
        }
    }

    /// <summary>Appends to the log of a hub that has one, sealed if there are keys. Nothing is awaited before, so the order of calls is that of the entries.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="targets">Under which targets.</param>
    /// <param name="envelope">The envelope, unchanged until the append completes.</param>
    /// <param name="idempotencyKey">Tells a repeat from a new one; may be null.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="sender">On whose behalf; null for nobody's.</param>
    /// <exception cref="MessageLogUnavailableException">The log did not take it, or did not say so.</exception>
    /// <exception cref="StaleFenceException">The session of the sender has another owner, or has ended.</exception>
    internal async ValueTask<LogPosition> AppendAsync(
        HubConnections hub,
        LogTarget[] targets,
        ReadOnlyMemory<byte> envelope,
        string? idempotencyKey,
        CancellationToken cancellationToken,
        IFencedSender? sender = null)
    {
        var log = hub.Log!; // or the send would not be a logged one
        byte[]? sealing = null;
        try
        {
            if (_sealer.IsEnabled)
            {
                sealing = _sealer.Seal(hub.LogChannel, envelope.Span, out var length);
                envelope = sealing.AsMemory(0, length);
            }

            if (_started is not { IsCompletedSuccessfully: true })
            {
                await StartedAsync().WaitAsync(cancellationToken);
            }

            var append = new LogAppend { Targets = targets, Payload = envelope, IdempotencyKey = idempotencyKey, Fence = sender?.GetFence() };
            while (true)
            {
                try
                {
                    var result = await _log.AppendAsync(log.Hub, append, cancellationToken);
                    NoteAcknowledged(hub, result);
                    return result.Position;
                }
                catch (StaleFenceException) when (append.Fence is not null)
                {
                    var fence = sender?.GetFence();
                    if (fence == append.Fence)
                    {
                        (sender as Connection)?.Session?.IsDoubtful = true;
                        throw;
                    }

                    append = append with { Fence = fence }; // it was under way for so long that the record has been written twice meanwhile
                }
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (StaleFenceException)
        {
            throw;
        }
        catch (MessageLogUnavailableException exception)
        {
            throw new MessageLogUnavailableException(exception.Message, exception) { IsOutcomeUnknown = exception.IsOutcomeUnknown, IsSend = true };
        }
        catch (Exception exception)
        {
            throw new MessageLogUnavailableException(
                $"The message log '{_log.System}' failed: {exception.Message} Whether it took the message is not known.", exception) { IsOutcomeUnknown = true, IsSend = true };
        }
        finally
        {
            if (sealing is not null)
            {
                ArrayPool<byte>.Shared.Return(sealing);
            }
        }
    }

    /// <summary>Tells all nodes that the log of a hub has lost entries which it had given out, so that those who had not received them know. Tried until it is told.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="epoch">The life of the log.</param>
    /// <param name="after">Behind which offset.</param>
    /// <param name="upTo">Up to which offset, as far as this node had received them or had them acknowledged.</param>
    internal void TellLost(HubConnections hub, long epoch, long after, long upTo) =>
        Task.Run(() => TellLostAsync(hub, $"distributed-sockets gap {epoch} {after} {upTo}", after, upTo)).Observe();

    /// <summary>Asks where the log of a hub that has one ends.</summary>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    internal ValueTask<LogPosition> GetEndAsync(HubConnections hub, CancellationToken cancellationToken) =>
        AskAsync(_log.GetEndAsync, hub.Log!.Hub, cancellationToken);

    /// <summary>Reads from the log of a hub that has one.</summary>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    internal ValueTask<LogPage> ReadAsync(HubConnections hub, LogQuery query, CancellationToken cancellationToken) =>
        AskAsync((log, token) => _log.ReadAsync(log, query, token), hub.Log!.Hub, cancellationToken);

    public void OnAppended(string hub, long epoch, in LogEntry entry)
    {
        if (_node.IsStarted && _subscriptions.TryGetValue(hub, out var subscription))
        {
            subscription.Lane.OnAppended(epoch, entry);
        }
    }

    public void OnUnavailable(Exception? cause)
    {
        var isNew = _health.LogProblem is null;
        _health.LogProblem = cause?.Message ?? _health.LogProblem ?? "The log gave no cause.";
        if (isNew && _node.IsStarted)
        {
            Log.Away(_logger, cause);
        }
    }

    public void OnAvailable()
    {
        if (_health.LogProblem is not null)
        {
            _health.LogProblem = null;
            Log.Back(_logger);
        }

        foreach (var (_, subscription) in _subscriptions)
        {
            subscription.Wake();
        }
    }

    /// <summary>The lane of a hub, once it is subscribed here.</summary>
    internal LogLane? LaneOf(HubConnections hub) => _subscriptions.TryGetValue(hub.Name, out var subscription) ? subscription.Lane : null;

    private async Task TellLostAsync(HubConnections hub, string key, long after, long upTo)
    {
        while (!_ending.IsCancellationRequested)
        {
            var envelope = _writer.WriteLogGap(after, upTo, out var length);
            try
            {
                await AppendAsync(hub, [LogTarget.All], envelope.AsMemory(0, length), key, _ending.Token); // whoever knows of it tells it under the same key
                return;
            }
            catch (MessageLogUnavailableException)
            {
                await Task.Delay(s_pause, _time, _ending.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            finally
            {
                ArrayPool<byte>.Shared.Return(envelope);
            }
        }
    }

    /// <summary>Notices that the log has lost what it had acknowledged to this node, which may hold no connections and have no lane.</summary>
    private void NoteAcknowledged(HubConnections hub, in LogAppendResult result)
    {
        if (result.PreviousOffset is not { } previous)
        {
            return;
        }

        var (position, lost) = (result.Position, 0L);
        lock (_acknowledged)
        {
            var last = _acknowledged.GetValueOrDefault(hub.Name);
            if (last.Epoch == position.Epoch && last.Offset > previous && last.Offset < position.Offset)
            {
                lost = last.Offset;
            }

            if (last.Epoch < position.Epoch || (last.Epoch == position.Epoch && last.Offset < position.Offset))
            {
                _acknowledged[hub.Name] = position;
            }
        }

        if (lost > 0)
        {
            TellLost(hub, position.Epoch, previous, lost);
        }
    }

    private async ValueTask<T> AskAsync<T>(Func<LogHub, CancellationToken, ValueTask<T>> ask, LogHub hub, CancellationToken cancellationToken)
    {
        try
        {
            await StartedAsync().WaitAsync(cancellationToken);
            return await ask(hub, cancellationToken);
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            throw;
        }
        catch (Exception exception)
        {
            throw exception as MessageLogUnavailableException ?? new MessageLogUnavailableException($"The message log '{_log.System}' failed: {exception.Message}", exception);
        }
    }

    /// <summary>Starts the log, once, whoever needs it first.</summary>
    internal Task StartedAsync()
    {
        lock (_gate)
        {
            return _started ??= Task.Run(StartLogAsync);
        }
    }

    private async Task StartLogAsync()
    {
        await _log.StartAsync(this, _ending.Token);
        if (_log is InMemoryMessageLog && _backplane is not InMemoryBackplane)
        {
            Log.LogIsOwn(_logger);
        }
    }

    private LogSubscription? Subscribe(HubConnections hub)
    {
        if (_subscriptions.TryGetValue(hub.Name, out var known))
        {
            return known;
        }

        lock (_gate)
        {
            if (_stopped || hub.Log is not { } log)
            {
                return null;
            }

            if (!_subscriptions.TryGetValue(hub.Name, out known))
            {
                if (Problems(hub).FirstOrDefault() is { } problem)
                {
                    throw new InvalidOperationException(problem);
                }

                var lane = new LogLane(
                    hub, new(hub, log.Hub, _log, _time, _logger), _delivery, _refused, new(hub, this, _losses, _time), _metrics, _options, _time);
                known = new(hub, log, this, _log, lane, _losses, _options.HeartbeatInterval, _time, _logger);
                _subscriptions[hub.Name] = known;
                known.Start(_started ??= Task.Run(StartLogAsync));
            }

            return known;
        }
    }

    /// <summary>What a hub asks of the log that it cannot do.</summary>
    private IEnumerable<string> Problems(HubConnections hub) => hub.Options.EnableResume && _log is not ISessionRecordStore
        ? [$"Hub '{hub.Name}': EnableResume is on, and the message log '{_log.System}' keeps no records of sessions (ISessionRecordStore). Use another log, or switch it off."]
        : hub.Log?.Hub.Retention.MaxBytesPerTarget is not null && !_log.LimitsBytes
        ? [$"Hub '{hub.Name}': LogMaxBytesPerTarget is {hub.Options.LogMaxBytesPerTarget}, and the message log '{_log.System}' cannot count bytes. Set it to 0, and bound the log by LogMaxEntriesPerTarget and LogMaxAge."]
        : [];

    private static partial class Log
    {
        [LoggerMessage(296, LogLevel.Warning, "The message log is away; logged sends fail, and what others log is delivered when it is back.")]
        public static partial void Away(ILogger logger, Exception? exception);

        [LoggerMessage(297, LogLevel.Information, "The message log is back.")]
        public static partial void Back(ILogger logger);

        [LoggerMessage(298, LogLevel.Error, "Hubs have a log, and the message log of this process is its own memory, while its backplane reaches others: what is logged reaches only connections of this process. Use a message log that all nodes share.")]
        public static partial void LogIsOwn(ILogger logger);
    }
}
