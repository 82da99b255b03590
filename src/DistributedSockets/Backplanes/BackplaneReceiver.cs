using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Sorts what arrives into lanes, and turns outages into state and reports. Never blocks the backplane's reader.</summary>
internal sealed partial class BackplaneReceiver : IBackplaneReceiver
{
    /// <summary>How long an outage may go unnoticed: messages may be missing from so long before it was reported.</summary>
    private static readonly TimeSpan s_unnoticed = TimeSpan.FromSeconds(15);

    private readonly Lane[] _lanes;
    private readonly EnvelopeDispatcher _dispatcher;
    private readonly EnvelopeWriter _own;
    private readonly NodeState _node;
    private readonly LossReporter _losses;
    private readonly DistributedWebSocketsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly int _maxBytes;
    private readonly ILogger _logger;
    private readonly RareLog _failedLog;
    private readonly Lock _gate = new();
    private long _lastReceived;
    private DateTimeOffset _mayBeMissingFrom;

    public BackplaneReceiver(
        EnvelopeDispatcher dispatcher,
        EnvelopeWriter own,
        NodeState node,
        LossReporter losses,
        DistributedWebSocketsMetrics metrics,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time,
        ILogger<BackplaneReceiver> logger)
    {
        _dispatcher = dispatcher;
        _own = own;
        _node = node;
        _losses = losses;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _maxBytes = options.Value.MaxEnvelopeBytes;
        _failedLog = new(1, time);
        _lastReceived = time.GetTimestamp();
        _lanes = new Lane[options.Value.Lanes];
        for (var i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new(options.Value.LaneCapacity, dispatcher, metrics, time, OnUnreadable);
        }
    }

    /// <summary>Called when the backplane is back, for what has to be done again.</summary>
    internal event Action? Recovered;

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (!_node.IsStarted)
        {
            return; // stopping: the connections are gone
        }

        Volatile.Write(ref _lastReceived, _time.GetTimestamp());
        if (payload.Length > _maxBytes)
        {
            _metrics.EnvelopeDropped("too_large");
            _losses.Report(
                PossibleLossCause.UnreadableEnvelope,
                $"An envelope of {payload.Length} bytes is larger than MaxEnvelopeBytes, which is {_maxBytes}. Set it alike on all nodes and workers.");
        }
        else if (EnvelopeReader.TryBegin(payload.Span, out var reader))
        {
            if (reader.Origin.SequenceEqual(_own.Origin))
            {
                return; // the echo of what this node published: its own connections have been served
            }

            _metrics.EnvelopeReceived();
            if (_dispatcher.FindHub(channel) is not { } hub)
            {
                return; // a hub this process has nothing to do with any more
            }

            if (!Lane(reader.Origin, hub).TryAdd(hub, payload, atOnce: reader.Kind == EnvelopeKind.Frame))
            {
                _metrics.EnvelopeDropped("lane_full");
                _losses.Report(PossibleLossCause.LaneFull, "Envelopes arrive faster than this node delivers them; a lane was full.");
            }
        }
        else
        {
            OnUnreadable(null);
        }
    }

    public void OnUnavailable(Exception? cause)
    {
        lock (_gate)
        {
            if (_node.IsBackplaneAway)
            {
                _node.BackplaneProblem = cause?.Message ?? _node.BackplaneProblem;
            }
            else
            {
                // Heard something lately? Then nothing older is missing.
                var silence = _time.GetElapsedTime(Volatile.Read(ref _lastReceived));
                _mayBeMissingFrom = _time.GetUtcNow() - (silence < s_unnoticed ? silence : s_unnoticed);
                _node.BackplaneProblem = cause?.Message ?? "The transport gave no cause.";
                Log.BackplaneAway(_logger, cause);
            }
        }
    }

    public void OnAvailable()
    {
        lock (_gate)
        {
            if (_node.IsBackplaneAway)
            {
                _node.BackplaneProblem = null;
                Log.BackplaneBack(_logger);
                _losses.Report(
                    PossibleLossCause.BackplaneReconnected, _mayBeMissingFrom, "The backplane was away; what other nodes sent meanwhile may be missing.");
            }
        }

        Recovered?.Invoke();
    }

    public void OnPossibleLoss(string description) => _losses.Report(PossibleLossCause.Transport, description);

    public void OnPossibleLoss(string description, DateTimeOffset since) => _losses.Report(PossibleLossCause.Transport, since, description);

    internal void Trim()
    {
        foreach (var lane in _lanes)
        {
            lane.Trim();
        }
    }

    internal Task StopAsync() => Task.WhenAll(Array.ConvertAll(_lanes, static lane => lane.StopAsync()));

    /// <summary>By publisher and hub, not by channel: what a node sends to overlapping groups must not overtake itself, and copies must meet.</summary>
    private Lane Lane(ReadOnlySpan<byte> origin, HubRegistry hub)
    {
        var hash = new HashCode();
        hash.AddBytes(origin);
        hash.Add(hub);
        return _lanes[(uint)hash.ToHashCode() % (uint)_lanes.Length];
    }

    private void OnUnreadable(Exception? exception)
    {
        _metrics.EnvelopeDropped("unreadable");
        if (exception is not null && _failedLog.TryPass(out var others))
        {
            Log.DeliveryFailed(_logger, others, exception);
        }

        _losses.Report(
            PossibleLossCause.UnreadableEnvelope,
            "An envelope on one of our channels could not be read. Does another program or version publish there?");
    }

    private static partial class Log
    {
        [LoggerMessage(160, LogLevel.Warning, "The backplane is away; only connections of this node are reached until it returns.")]
        public static partial void BackplaneAway(ILogger logger, Exception? exception);

        [LoggerMessage(161, LogLevel.Information, "The backplane is back.")]
        public static partial void BackplaneBack(ILogger logger);

        [LoggerMessage(162, LogLevel.Error, "An envelope could not be delivered. Nor could {Others} since the last report.")]
        public static partial void DeliveryFailed(ILogger logger, int others, Exception exception);
    }
}
