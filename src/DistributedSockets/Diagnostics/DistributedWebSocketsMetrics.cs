using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>The meter <c>DistributedSockets</c>. Tags come from fixed lists, never from peers.</summary>
/// <remarks>
/// A listener runs in the midst of what it measures. One that throws loses its measurement, and those of the listeners behind it, and
/// nothing else.
/// </remarks>
internal sealed partial class DistributedWebSocketsMetrics : IDisposable
{
    internal const string MeterName = "DistributedSockets";

    private readonly Meter _meter;
    private readonly UpDownCounter<long> _activeConnections;
    private readonly Histogram<double> _connectionDuration;
    private readonly Counter<long> _receivedMessages;
    private readonly Counter<long> _sentFrames;
    private readonly Counter<long> _droppedFrames;
    private readonly Counter<long> _handlerErrors;
    private readonly Counter<long> _uncaughtSendFailures;
    private readonly Histogram<double> _publishDuration;
    private readonly Counter<long> _receivedEnvelopes;
    private readonly Counter<long> _droppedEnvelopes;
    private readonly Counter<long> _ignoredEnvelopes;
    private readonly Histogram<double> _lag;
    private readonly Counter<long> _possibleLosses;
    private readonly Counter<long> _droppedEvents;
    private readonly Counter<long> _loggedEntries;
    private readonly Counter<long> _resumes;

    private readonly RareLog _failedLog;
    private readonly ILogger _logger;

    public DistributedWebSocketsMetrics(IMeterFactory factory, TimeProvider time, FailSafeLogger<DistributedWebSocketsMetrics> logger)
    {
        _failedLog = new(1, time);
        _logger = logger;
        _meter = factory.Create(MeterName);
        _activeConnections = _meter.CreateUpDownCounter<long>("distributed_sockets.active_connections", "{connection}", "Open connections of this node.");
        _connectionDuration = _meter.CreateHistogram<double>("distributed_sockets.connection.duration", "s", "How long connections were open.");
        _receivedMessages = _meter.CreateCounter<long>("distributed_sockets.received_messages", "{message}", "Messages from clients.");
        _sentFrames = _meter.CreateCounter<long>("distributed_sockets.sent_frames", "{frame}", "Frames queued for clients.");
        _droppedFrames = _meter.CreateCounter<long>("distributed_sockets.dropped_frames", "{frame}", "Frames dropped because a client reads too slowly, or they are out of date.");
        _handlerErrors = _meter.CreateCounter<long>("distributed_sockets.handler_errors", "{error}", "Exceptions of handlers and connection filters, and handlers that do not return when their connection has ended.");
        _uncaughtSendFailures = _meter.CreateCounter<long>("distributed_sockets.uncaught_send_failures", "{send}", "Sends of handlers that the backplane did not take and whose exception nobody caught.");
        _publishDuration = _meter.CreateHistogram<double>("distributed_sockets.backplane.publish.duration", "s", "How long the backplane took to take an envelope.");
        _receivedEnvelopes = _meter.CreateCounter<long>("distributed_sockets.backplane.received_envelopes", "{envelope}", "Envelopes from other nodes.");
        _droppedEnvelopes = _meter.CreateCounter<long>("distributed_sockets.backplane.dropped_envelopes", "{envelope}", "Envelopes from other nodes that were not delivered.");
        _ignoredEnvelopes = _meter.CreateCounter<long>("distributed_sockets.backplane.ignored_envelopes", "{envelope}", "Envelopes of a later version that a node which does not know them may ignore.");
        _lag = _meter.CreateHistogram<double>("distributed_sockets.backplane.lag", "s", "How long an envelope waited in its lane.");
        _possibleLosses = _meter.CreateCounter<long>("distributed_sockets.possible_losses", "{event}", "Reports of possible loss.");
        _droppedEvents = _meter.CreateCounter<long>("distributed_sockets.dropped_events", "{event}", "Cluster events that observers did not take.");
        _loggedEntries = _meter.CreateCounter<long>("distributed_sockets.log.entries", "{entry}", "Entries of message logs that came to this node.");
        _resumes = _meter.CreateCounter<long>("distributed_sockets.resumes", "{resume}", "Clients that wanted to go on with a session.");
    }

    internal bool IsPublishMeasured => _publishDuration.Enabled;

    internal bool IsLagMeasured => _lag.Enabled;

    public void Dispose() => _meter.Dispose();

    /// <summary>Adds what is measured only when asked for.</summary>
    internal void Observe(Hubs hubs, AwaySessions away)
    {
        _meter.CreateObservableUpDownCounter(
            "distributed_sockets.outbound_queue.bytes", hubs.CountQueuedBytes, "By", "Bytes of frames that wait for clients.");
        _meter.CreateObservableUpDownCounter(
            "distributed_sockets.direct_connections", hubs.CountDirect, "{connection}", "Connections whose frames go straight to the socket.");
        _meter.CreateObservableUpDownCounter(
            "distributed_sockets.away_sessions", () => (long)away.Count, "{session}", "Sessions of this node whose clients are away.");
    }

    /// <summary>Counts an opened connection; what it returns goes to <see cref="ConnectionEnded"/>, so that a pair is counted whole or not at all.</summary>
    internal bool ConnectionOpened()
    {
        var counted = _activeConnections.Enabled;
        if (counted)
        {
            Add(_activeConnections, 1);
        }

        return counted;
    }

    internal void ConnectionEnded(bool counted, DisconnectKind kind, TimeSpan duration)
    {
        if (counted)
        {
            Add(_activeConnections, -1);
        }

        if (_connectionDuration.Enabled)
        {
            Record(_connectionDuration, duration.TotalSeconds, new KeyValuePair<string, object?>("distributed_sockets.close_reason", CloseReason(kind)));
        }
    }

    internal void MessageReceived() => Add(_receivedMessages, 1);

    internal void FramesSent(int count)
    {
        if (count > 0)
        {
            Add(_sentFrames, count);
        }
    }

    internal void FramesDropped(int count, FrameDrop cause, SlowConsumerPolicy policy) => Add(
        _droppedFrames,
        count,
        new KeyValuePair<string, object?>(
            "distributed_sockets.drop_reason",
            (cause, policy) switch
            {
                (FrameDrop.Expired, _) => "expired",
                (FrameDrop.Conflated, _) => "conflated",
                (_, SlowConsumerPolicy.DropNewest) => "drop_newest",
                (_, SlowConsumerPolicy.DropOldest) => "drop_oldest",
                _ => "close",
            }));

    internal void HandlerFailed() => Add(_handlerErrors, 1);

    internal void UncaughtSendFailed() => Add(_uncaughtSendFailures, 1);

    internal void Published(long started, string system, Exception? exception)
    {
        if (started != 0)
        {
            Record(
                _publishDuration,
                Stopwatch.GetElapsedTime(started).TotalSeconds,
                new KeyValuePair<string, object?>("distributed_sockets.backplane.system", system),
                new KeyValuePair<string, object?>("error.type", exception?.GetType().FullName));
        }
    }

    internal void EnvelopeReceived() => Add(_receivedEnvelopes, 1);

    internal void EnvelopeDropped(string reason) =>
        Add(_droppedEnvelopes, 1, new KeyValuePair<string, object?>("distributed_sockets.drop_reason", reason));

    internal void EnvelopeIgnored() => Add(_ignoredEnvelopes, 1);

    internal void Lagged(TimeSpan lag) => Record(_lag, lag.TotalSeconds);

    /// <summary>Counts entries of the log, by whether it handed them over or they had to be read.</summary>
    internal void LogEntries(int count, bool wereRead)
    {
        if (_loggedEntries.Enabled)
        {
            Add(_loggedEntries, count, new KeyValuePair<string, object?>("distributed_sockets.log.source", wereRead ? "read" : "handed_over"));
        }
    }

    internal void Resumed(ResumeOutcome outcome) => Add(
        _resumes,
        1,
        new KeyValuePair<string, object?>(
            "distributed_sockets.resume_outcome",
            outcome switch
            {
                ResumeOutcome.Resumed => "resumed",
                ResumeOutcome.TakenByForce => "taken_by_force",
                ResumeOutcome.Unknown => "unknown",
                _ => "told_to_wait",
            }));

    internal void PossiblyLost(PossibleLossCause cause) =>
        Add(_possibleLosses, 1, new KeyValuePair<string, object?>("distributed_sockets.loss_cause", LossCause(cause)));

    internal void EventsDropped(int count, string reason) =>
        Add(_droppedEvents, count, new KeyValuePair<string, object?>("distributed_sockets.drop_reason", reason));

    private void Add(Counter<long> counter, long delta, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            counter.Add(delta, tags);
        }
        catch (Exception exception)
        {
            OnListenerFailed(exception);
        }
    }

    private void Add(UpDownCounter<long> counter, long delta)
    {
        try
        {
            counter.Add(delta);
        }
        catch (Exception exception)
        {
            OnListenerFailed(exception);
        }
    }

    private void Record(Histogram<double> histogram, double value, params ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        try
        {
            histogram.Record(value, tags);
        }
        catch (Exception exception)
        {
            OnListenerFailed(exception);
        }
    }

    private void OnListenerFailed(Exception exception)
    {
        if (_failedLog.TryPass(out var others))
        {
            Log.ListenerFailed(_logger, others, exception);
        }
    }

    private static string CloseReason(DisconnectKind kind) => kind switch
    {
        DisconnectKind.ClosedByClient => "closed_by_client",
        DisconnectKind.ClosedByServer => "closed_by_server",
        DisconnectKind.ProtocolError => "protocol_error",
        DisconnectKind.MessageTooBig => "message_too_big",
        DisconnectKind.MessageTooSlow => "message_too_slow",
        DisconnectKind.AgeReached => "age_reached",
        DisconnectKind.AuthenticationExpired => "authentication_expired",
        DisconnectKind.Idle => "idle",
        DisconnectKind.RateExceeded => "rate_exceeded",
        DisconnectKind.HandlerError => "handler_error",
        DisconnectKind.SlowConsumer => "slow_consumer",
        DisconnectKind.Drained => "drained",
        _ => "connection_lost",
    };

    private static string LossCause(PossibleLossCause cause) => cause switch
    {
        PossibleLossCause.BackplaneReconnected => "backplane_reconnected",
        PossibleLossCause.LaneFull => "lane_full",
        PossibleLossCause.UnreadableEnvelope => "unreadable_envelope",
        PossibleLossCause.MessageLog => "message_log",
        _ => "transport",
    };

    private static partial class Log
    {
        [LoggerMessage(207, LogLevel.Error, "A listener of the metrics threw; its measurement is missing and nothing else is affected. {Others} more were lost since the last report.")]
        public static partial void ListenerFailed(ILogger logger, int others, Exception exception);
    }
}
