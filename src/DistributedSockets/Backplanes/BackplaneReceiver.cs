using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Sorts what arrives into lanes, and turns outages into state and reports. Never blocks the backplane's reader.</summary>
internal sealed partial class BackplaneReceiver : IBackplaneReceiver
{
    private const string NoCause = "The transport gave no cause.";

    /// <summary>How long an outage may go unnoticed: messages may be missing from so long before it was reported.</summary>
    private static readonly TimeSpan s_unnoticed = TimeSpan.FromSeconds(15);

    /// <summary>How long nothing must arrive for that to be worth remembering.</summary>
    private static readonly TimeSpan s_gap = TimeSpan.FromMilliseconds(200);

    /// <summary>Over how long <see cref="IsDeaf"/> looks.</summary>
    private static readonly TimeSpan s_minute = TimeSpan.FromMinutes(1);

    private readonly Lane[] _lanes;
    private readonly EnvelopeDispatcher _dispatcher;
    private readonly EnvelopeWriter _own;
    private readonly EnvelopeOpener? _opener;
    private readonly LocalNode _node;
    private readonly LossReporter _losses;
    private readonly DistributedWebSocketsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly int _maxBytes;
    private readonly ILogger _logger;
    private readonly RareLog _failedLog;
    private readonly RareLog _replayedLog;
    private readonly Lock _gate = new();
    private long _lastReceived;
    private long _gapBegan;
    private long _gapEnded;
    private long _lastTaken;
    private long _lastRefused;
    private DateTimeOffset _mayBeMissingFrom;

    public BackplaneReceiver(
        EnvelopeDispatcher dispatcher,
        EnvelopeWriter own,
        EnvelopeOpener opener,
        LocalNode node,
        LossReporter losses,
        DistributedWebSocketsMetrics metrics,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time,
        ILogger<BackplaneReceiver> logger)
    {
        _dispatcher = dispatcher;
        _own = own;
        _opener = opener.IsEnabled ? opener : null;
        _node = node;
        _losses = losses;
        _metrics = metrics;
        _time = time;
        _logger = logger;
        _maxBytes = options.Value.MaxEnvelopeBytes;
        _failedLog = new(1, time);
        _replayedLog = new(1, time);
        _lastReceived = time.GetTimestamp();
        _lanes = new Lane[options.Value.Lanes];
        for (var i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new(options.Value.LaneCapacity, options.Value.LaneBytes, dispatcher, metrics, time, OnUnreadable);
        }
    }

    /// <summary>Called when the backplane is back, for what has to be done again.</summary>
    internal event Action? Recovered;

    /// <summary>
    /// Whether envelopes of other nodes were refused in the last minute for how they are sealed or when, and none was taken: the keys or
    /// the clocks differ.
    /// </summary>
    internal bool IsDeaf
    {
        get
        {
            var now = _time.GetTimestamp();
            return IsRecent(Volatile.Read(ref _lastRefused)) && !IsRecent(Volatile.Read(ref _lastTaken));

            bool IsRecent(long moment) => moment != 0 && _time.GetElapsedTime(moment, now) < s_minute;
        }
    }

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (!_node.IsStarted)
        {
            return; // stopping: the connections are gone
        }

        var now = _time.GetTimestamp();
        var last = Interlocked.Exchange(ref _lastReceived, now);
        if (_time.GetElapsedTime(last, now) >= s_gap)
        {
            Volatile.Write(ref _gapBegan, last);
            Volatile.Write(ref _gapEnded, now);
        }

        var verdict = payload.Length > _maxBytes ? EnvelopeVerdict.TooLarge : _opener?.Open(channel, now, ref payload) ?? EnvelopeVerdict.Taken;
        if (verdict == EnvelopeVerdict.Taken && EnvelopeReader.TryBegin(payload.Span, out var reader))
        {
            if (reader.Origin.SequenceEqual(_own.Origin))
            {
                return; // the echo of what this node published: its own connections have been served
            }

            Volatile.Write(ref _lastTaken, now);
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
        else if (verdict == EnvelopeVerdict.Taken)
        {
            Refuse(SealedEnvelope.Is(payload.Span) ? EnvelopeVerdict.NoKeys : EnvelopeVerdict.Unreadable, payload, now);
        }
        else if (verdict != EnvelopeVerdict.OwnEcho)
        {
            Refuse(verdict, payload, now);
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
                NoteBeginLocked();
                _node.BackplaneProblem = cause?.Message ?? NoCause;
                _node.BackplanePartProblem = null;
                Log.BackplaneAway(_logger, cause);
            }
        }
    }

    public void OnPartlyUnavailable(Exception? cause)
    {
        bool isBack;
        lock (_gate)
        {
            isBack = _node.IsBackplaneAway;
            if (isBack || !_node.IsBackplanePartlyAway)
            {
                NoteBeginLocked(isPart: true);
                Log.BackplanePartlyAway(_logger, cause);
            }

            _node.BackplanePartProblem = cause?.Message ?? _node.BackplanePartProblem ?? NoCause;
            _node.BackplaneProblem = null;
        }

        if (isBack)
        {
            Recovered?.Invoke();
        }
    }

    public void OnAvailable()
    {
        lock (_gate)
        {
            if (_node.IsBackplaneAway || _node.IsBackplanePartlyAway)
            {
                var description = _node.BackplanePartProblem is { } part
                    ? $"A part of the backplane was away; what other nodes sent by it meanwhile may be missing. {part}"
                    : "The backplane was away; what other nodes sent meanwhile may be missing.";
                _node.BackplaneProblem = null;
                _node.BackplanePartProblem = null;
                Log.BackplaneBack(_logger);
                _losses.Report(PossibleLossCause.BackplaneReconnected, _mayBeMissingFrom, description);
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

    /// <summary>Notes from when on messages may be missing, unless some are missing already.</summary>
    private void NoteBeginLocked(bool isPart = false)
    {
        if (!_node.IsBackplaneAway && !_node.IsBackplanePartlyAway)
        {
            // Heard something lately? Then nothing older is missing, unless a part may be silent while another is heard.
            var silence = _time.GetElapsedTime(Volatile.Read(ref _lastReceived));
            if (isPart || silence > s_unnoticed)
            {
                silence = s_unnoticed;
            }
            else if (Volatile.Read(ref _gapEnded) is not 0 and var ended && _time.GetElapsedTime(ended) < s_unnoticed)
            {
                // A transport that has reconnected may deliver before it tells that it was away.
                var gap = _time.GetElapsedTime(Volatile.Read(ref _gapBegan));
                silence = gap < s_unnoticed ? gap : s_unnoticed;
            }

            _mayBeMissingFrom = _time.GetUtcNow() - silence;
        }
    }

    /// <summary>By publisher and hub, not by channel: what a node sends to overlapping groups must not overtake itself, and copies must meet.</summary>
    private Lane Lane(ReadOnlySpan<byte> origin, HubConnections hub)
    {
        var hash = new HashCode();
        hash.AddBytes(origin);
        hash.Add(hub);
        return _lanes[(uint)hash.ToHashCode() % (uint)_lanes.Length];
    }

    /// <summary>Called by the lanes, for what was taken and then turned out to be wrong.</summary>
    private void OnUnreadable(Exception? exception)
    {
        if (exception is not null && _failedLog.TryPass(out var others))
        {
            Log.DeliveryFailed(_logger, others, exception);
        }

        Refuse(EnvelopeVerdict.Unreadable, default, _time.GetTimestamp());
    }

    private void Refuse(EnvelopeVerdict verdict, ReadOnlyMemory<byte> payload, long now)
    {
        _metrics.EnvelopeDropped(verdict switch
        {
            EnvelopeVerdict.TooLarge => "too_large",
            EnvelopeVerdict.NotSealed => "not_sealed",
            EnvelopeVerdict.NoKeys => "no_keys",
            EnvelopeVerdict.UnknownKey => "unknown_key",
            EnvelopeVerdict.NotAuthentic => "not_authentic",
            EnvelopeVerdict.Stale => "stale",
            EnvelopeVerdict.Late => "late",
            EnvelopeVerdict.Replayed => "replayed",
            _ => "unreadable",
        });
        if (verdict == EnvelopeVerdict.Replayed)
        {
            if (_replayedLog.TryPass(out var others))
            {
                Log.Replayed(_logger, others + 1);
            }

            return; // nothing is lost: it was taken the first time
        }

        if (verdict is EnvelopeVerdict.NotSealed or EnvelopeVerdict.NoKeys or EnvelopeVerdict.UnknownKey or EnvelopeVerdict.Stale)
        {
            Volatile.Write(ref _lastRefused, now);
        }

        _losses.Report(PossibleLossCause.UnreadableEnvelope, Describe(verdict, payload.Span));
    }

    private string Describe(EnvelopeVerdict verdict, ReadOnlySpan<byte> envelope) => verdict switch
    {
        EnvelopeVerdict.TooLarge =>
            $"An envelope of {envelope.Length} bytes is larger than MaxEnvelopeBytes, which is {_maxBytes}. Set it alike on all nodes and workers.",
        EnvelopeVerdict.NotSealed =>
            "An envelope was not sealed although this node has EnvelopeKeys. Does a node or worker lack them, or does another program publish on our channels?",
        EnvelopeVerdict.NoKeys => "An envelope was sealed and this node has no EnvelopeKeys. Set the same on all nodes and workers.",
        EnvelopeVerdict.UnknownKey =>
            $"An envelope was sealed with key {SealedEnvelope.KeyId(envelope):x8}, which is not among this node's EnvelopeKeys. Set the same on all nodes and workers.",
        EnvelopeVerdict.NotAuthentic =>
            "An envelope is not what a holder of our key sealed for this channel. Somebody changed it, moved it, or made it up.",
        EnvelopeVerdict.Stale =>
            $"The first envelope of a sender was sealed {unchecked(SealedEnvelope.Stamp(envelope) - _time.GetUtcNow().ToUnixTimeMilliseconds())} ms from now by its clock, " +
            "which is not within EnvelopeMaxAge. Do the clocks of the nodes differ, or did somebody replay it?",
        EnvelopeVerdict.Late =>
            "An envelope came so far behind later ones of its sender that it cannot be told from a replay. Is this node much too slow, or did somebody hold it back?",
        _ => "An envelope on one of our channels could not be read. Does another program or version publish there?",
    };

    private static partial class Log
    {
        [LoggerMessage(160, LogLevel.Warning, "The backplane is away; only connections of this node are reached until it returns.")]
        public static partial void BackplaneAway(ILogger logger, Exception? exception);

        [LoggerMessage(164, LogLevel.Warning, "A part of the backplane is away; what other nodes send by it does not arrive until it returns.")]
        public static partial void BackplanePartlyAway(ILogger logger, Exception? exception);

        [LoggerMessage(161, LogLevel.Information, "The backplane is back.")]
        public static partial void BackplaneBack(ILogger logger);

        [LoggerMessage(162, LogLevel.Error, "An envelope could not be delivered. Nor could {Others} since the last report.")]
        public static partial void DeliveryFailed(ILogger logger, int others, Exception exception);

        [LoggerMessage(163, LogLevel.Warning, "{Count} envelopes came a second time and were refused. Somebody replays what was recorded, or the transport delivers twice.")]
        public static partial void Replayed(ILogger logger, int count);
    }
}
