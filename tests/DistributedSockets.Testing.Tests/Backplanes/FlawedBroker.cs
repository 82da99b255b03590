using System.IO.Enumeration;

namespace DistributedSockets.Testing.Tests.Backplanes;

/// <summary>A transport in memory that can be taken away, with at most one flaw.</summary>
internal sealed class FlawedBroker(BackplaneFlaw flaw)
{
    private readonly Dictionary<string, List<(FlawedBackplane Node, string Channel)>> _subscriptions =
        new(flaw == BackplaneFlaw.IgnoresCase ? StringComparer.OrdinalIgnoreCase : StringComparer.Ordinal);

    private readonly List<(FlawedBackplane Node, string Channel)> _late = [];
    private readonly List<FlawedBackplane> _nodes = [];
    private readonly Dictionary<(FlawedBackplane, string), (int Count, byte[]? Held)> _order = [];
    private readonly Queue<(FlawedBackplane Publisher, string Channel, byte[] Payload)> _last = new();
    private Action? _afterNextPublish;
    private int _published;
    private int _outages;

    public Lock Gate { get; } = new();

    public bool IsAway { get; private set; }

    public void Add(FlawedBackplane node)
    {
        lock (Gate)
        {
            _nodes.Add(node);
        }
    }

    public void Remove(FlawedBackplane node)
    {
        lock (Gate)
        {
            _nodes.Remove(node);
            foreach (var key in _subscriptions.Keys.ToArray())
            {
                Remove(node, key);
            }
        }
    }

    public void Subscribe(FlawedBackplane node, string channel)
    {
        lock (Gate)
        {
            if (flaw == BackplaneFlaw.SubscribesTooLate && !_late.Contains((node, channel)))
            {
                _late.Add((node, channel));
                return;
            }

            var key = Key(channel);
            if (!_subscriptions.TryGetValue(key, out var subscribers))
            {
                _subscriptions.Add(key, subscribers = []);
            }

            if (flaw == BackplaneFlaw.SubscribesTwice || !subscribers.Contains((node, channel)))
            {
                subscribers.Add((node, channel));
            }
        }
    }

    public void Unsubscribe(FlawedBackplane node, string channel)
    {
        lock (Gate)
        {
            if (flaw == BackplaneFlaw.UnsubscribeEndsAll)
            {
                foreach (var key in _subscriptions.Keys.ToArray())
                {
                    Remove(node, key);
                }
            }

            Remove(node, Key(channel));
        }
    }

    /// <summary>Whether any other node is there, which may still publish.</summary>
    public bool HasOthersThan(FlawedBackplane node)
    {
        lock (Gate)
        {
            return _nodes.Exists(other => other != node);
        }
    }

    /// <summary>Does something as soon as somebody has published.</summary>
    public void AfterNextPublish(Action action)
    {
        lock (Gate)
        {
            _afterNextPublish += action;
        }
    }

    public long Publish(FlawedBackplane publisher, string channel, ReadOnlyMemory<byte> payload)
    {
        var taken = PublishCore(publisher, channel, payload);
        Interlocked.Exchange(ref _afterNextPublish, null)?.Invoke();
        return taken;
    }

    private long PublishCore(FlawedBackplane publisher, string channel, ReadOnlyMemory<byte> payload)
    {
        lock (Gate)
        {
            _published++;
            if (flaw == BackplaneFlaw.RepeatsAfterOutage)
            {
                _last.Enqueue((publisher, channel, payload.ToArray()));
                if (_last.Count > 3)
                {
                    _last.Dequeue();
                }
            }

            if (flaw == BackplaneFlaw.Reorders)
            {
                // Every tenth comes after the one that follows it.
                var (count, held) = _order.GetValueOrDefault((publisher, channel));
                var isHeldBack = ++count % 10 == 5;
                _order[(publisher, channel)] = (count, isHeldBack ? payload.ToArray() : null);
                if (isHeldBack)
                {
                    return Targets(publisher, channel).Count;
                }

                var taken = Deliver(publisher, channel, payload);
                return held is null ? taken : Deliver(publisher, channel, held);
            }

            var times = _published % 50 != 0 ? 1 : flaw switch
            {
                BackplaneFlaw.DropsNowAndThen => 0,
                BackplaneFlaw.DuplicatesNowAndThen => 2,
                _ => 1,
            };
            var receivers = (long)Targets(publisher, channel).Count;
            for (; times > 0; times--)
            {
                receivers = Deliver(publisher, channel, payload);
            }

            foreach (var (node, late) in _late.Where(one => one.Channel == channel).ToArray())
            {
                Subscribe(node, late);
                _late.Remove((node, late));
            }

            return flaw switch
            {
                BackplaneFlaw.CountsAllNodes => _nodes.Count,
                BackplaneFlaw.CountsOneTooFew => receivers - 1,
                _ => receivers,
            };
        }
    }

    public void Cut()
    {
        FlawedBackplane[] nodes;
        lock (Gate)
        {
            IsAway = true;
            _subscriptions.Clear();
            nodes = [.. _nodes];
        }

        Array.ForEach(nodes, static node => node.OnCut());
    }

    public void Restore()
    {
        FlawedBackplane[] nodes;
        lock (Gate)
        {
            IsAway = false;
            _outages++;
            nodes = [.. _nodes];
        }

        Array.ForEach(nodes, node => node.OnRestored(_outages));
        foreach (var (publisher, channel, payload) in _last.ToArray())
        {
            Publish(publisher, channel, payload);
        }
    }

    private long Deliver(FlawedBackplane publisher, string channel, ReadOnlyMemory<byte> payload)
    {
        var targets = Targets(publisher, channel);
        foreach (var (node, name) in targets)
        {
            node.Enqueue(name, flaw == BackplaneFlaw.BorrowsPayloadsForEver ? payload : payload.ToArray());
        }

        return targets.Count;
    }

    private List<(FlawedBackplane Node, string Channel)> Targets(FlawedBackplane publisher, string channel)
    {
        if (flaw == BackplaneFlaw.DeliversAllChannels)
        {
            return [.. _subscriptions.Values.SelectMany(static all => all).Select(one => (one.Node, channel)).Distinct()];
        }

        var targets = new List<(FlawedBackplane Node, string Channel)>(_subscriptions.GetValueOrDefault(Key(channel)) ?? []);
        if (flaw == BackplaneFlaw.TakesPatterns)
        {
            targets = [.. targets.Concat(_subscriptions.Where(one => FileSystemName.MatchesSimpleExpression(one.Key, channel, ignoreCase: false)).SelectMany(static one => one.Value)).Distinct()];
        }

        switch (flaw)
        {
            case BackplaneFlaw.HeardByThePublisherOnly:
                targets.RemoveAll(one => one.Node != publisher);
                break;
            case BackplaneFlaw.HeardByOthersOnly:
                targets.RemoveAll(one => one.Node == publisher);
                break;
            case BackplaneFlaw.HeardByOneNodeOnly when targets.Count > 1:
                targets.RemoveRange(1, targets.Count - 1);
                break;
        }

        return targets;
    }

    private void Remove(FlawedBackplane node, string key)
    {
        if (_subscriptions.TryGetValue(key, out var subscribers) && subscribers.RemoveAll(one => one.Node == node) > 0 && subscribers.Count == 0)
        {
            _subscriptions.Remove(key);
        }
    }

    private string Key(string channel) => flaw switch
    {
        BackplaneFlaw.CrossesClusters => channel[(channel.IndexOf(':', StringComparison.Ordinal) + 1)..],
        BackplaneFlaw.TrimsNames => channel.Trim(),
        BackplaneFlaw.CutsNames => channel[..Math.Min(channel.Length, 500)],
        _ => channel,
    };
}
