using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Takes what arrives from the backplane: opens it, reads it once, and sorts it into lanes. Never blocks the backplane's reader.</summary>
internal sealed class EnvelopeSorter : IBackplaneReceiver
{
    private readonly Lane[] _lanes;
    private readonly EnvelopeOpener? _opener;
    private readonly EnvelopeKnowledge _knowledge;
    private readonly EnvelopeWriter _own;
    private readonly Hubs _hubs;
    private readonly LocalNode _node;
    private readonly BackplaneOutages _outages;
    private readonly RefusedEnvelopes _refused;
    private readonly LossReporter _losses;
    private readonly DistributedWebSocketsMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly int _maxBytes;

    public EnvelopeSorter(
        EnvelopeDispatcher dispatcher,
        EnvelopeOpener opener,
        EnvelopeKnowledge knowledge,
        EnvelopeWriter own,
        Hubs hubs,
        LocalNode node,
        BackplaneOutages outages,
        RefusedEnvelopes refused,
        LossReporter losses,
        DistributedWebSocketsMetrics metrics,
        IOptions<DistributedWebSocketsOptions> options,
        TimeProvider time)
    {
        _opener = opener.IsEnabled ? opener : null;
        _knowledge = knowledge;
        _own = own;
        _hubs = hubs;
        _node = node;
        _outages = outages;
        _refused = refused;
        _losses = losses;
        _metrics = metrics;
        _time = time;
        _maxBytes = options.Value.MaxEnvelopeBytes;
        _lanes = new Lane[options.Value.Lanes];
        for (var i = 0; i < _lanes.Length; i++)
        {
            _lanes[i] = new(options.Value.LaneCapacity, options.Value.LaneBytes, dispatcher, metrics, time, refused);
        }
    }

    /// <summary>Called with a channel that the transport has come to refuse, and its words.</summary>
    internal event Action<string, BackplaneRefusedException>? SubscriptionRefused;

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        if (!_node.IsStarted)
        {
            return; // stopping: the connections are gone
        }

        var now = _time.GetTimestamp();
        _outages.NoteArrival(now);
        var verdict = Open(channel, now, payload, out var envelope);
        if (verdict == EnvelopeVerdict.OwnEcho)
        {
            return; // what this node published: its own connections have been served
        }

        if (verdict != EnvelopeVerdict.Taken)
        {
            _refused.Report(verdict, payload, now);
            return;
        }

        _refused.NoteTaken(now);
        _metrics.EnvelopeReceived();
        if (_hubs.OfChannel(channel) is not { } hub)
        {
            return; // a hub this process has nothing to do with any more
        }

        if (!LaneOf(envelope.Origin, hub).TryAdd(hub, envelope, now))
        {
            _metrics.EnvelopeDropped("lane_full");
            _losses.Report(PossibleLossCause.LaneFull, "Envelopes arrive faster than this node delivers them; a lane was full.");
        }
    }

    public void OnUnavailable(Exception? cause) => _outages.OnAway(cause);

    public void OnPartlyUnavailable(Exception? cause) => _outages.OnPartlyAway(cause);

    public void OnAvailable() => _outages.OnBack();

    public void OnPossibleLoss(string description) => _losses.Report(PossibleLossCause.Transport, description);

    public void OnPossibleLoss(string description, DateTimeOffset since) => _losses.Report(PossibleLossCause.Transport, since, description);

    public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause) => SubscriptionRefused?.Invoke(channel, cause);

    internal void Trim()
    {
        foreach (var lane in _lanes)
        {
            lane.Trim();
        }
    }

    internal Task StopAsync() => Task.WhenAll(Array.ConvertAll(_lanes, static lane => lane.StopAsync()));

    private EnvelopeVerdict Open(string channel, long now, ReadOnlyMemory<byte> payload, out Envelope envelope)
    {
        envelope = default;
        if (payload.Length > _maxBytes)
        {
            return EnvelopeVerdict.TooLarge;
        }

        if (_opener is null && SealedEnvelope.Is(payload.Span))
        {
            return EnvelopeVerdict.NoKeys;
        }

        var verdict = _opener is null ? Envelope.Read(payload, _knowledge, out envelope) : _opener.Open(channel, now, payload, out envelope);
        if (verdict != EnvelopeVerdict.Taken)
        {
            return verdict;
        }

        return envelope.Origin.SequenceEqual(_own.Origin) ? EnvelopeVerdict.OwnEcho : EnvelopeVerdict.Taken;
    }

    /// <summary>By publisher and hub, not by channel: what a node sends to overlapping groups must not overtake itself, and copies must meet.</summary>
    private Lane LaneOf(ReadOnlySpan<byte> origin, HubConnections hub)
    {
        var hash = new HashCode();
        hash.AddBytes(origin);
        hash.Add(hub);
        return _lanes[(uint)hash.ToHashCode() % (uint)_lanes.Length];
    }
}
