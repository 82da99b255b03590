using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing.Tests.Log;

/// <summary>A server of logs in memory whose links can be cut, with at most one flaw.</summary>
internal sealed class FlawedLogServer(LogFlaw flaw)
{
    private readonly Dictionary<string, FlawedHubLog> _hubs = [];
    private readonly List<FlawedMessageLog> _nodes = [];
    private readonly List<(FlawedMessageLog Node, LogHub Hub)> _late = [];
    private readonly List<(FlawedMessageLog Node, LogHub Hub, LogAppend Append)> _refused = [];
    private readonly HashSet<string> _keysOfAllHubs = [];
    private long _epoch = 1_000;
    private long _count;
    private long _offsetOfAllHubs;
    private int _outages;

    public Lock Gate { get; } = new();

    public FakeTimeProvider Time { get; } = new();

    public bool IsCut { get; private set; }

    public int Outages => _outages;

    /// <summary>The records of all hubs, used under the lock.</summary>
    public FlawedRecords Records { get; } = new(flaw);

    public int Add(FlawedMessageLog node)
    {
        lock (Gate)
        {
            _nodes.Add(node);
            return _nodes.Count;
        }
    }

    public void Remove(FlawedMessageLog node)
    {
        lock (Gate)
        {
            _nodes.Remove(node);
            if (flaw == LogFlaw.RecordsGoWithTheirNode)
            {
                Records.Clear();
            }

            foreach (var hub in _hubs.Values)
            {
                hub.Subscribers.RemoveAll(one => one.Node == node);
                if (flaw == LogFlaw.EntriesGoWithTheirNode)
                {
                    hub.Lose(1);
                }
            }
        }
    }

    public FlawedHubLog Hub(FlawedMessageLog node, LogHub hub)
    {
        var name = flaw == LogFlaw.MixesHubsThatLookAlike ? hub.Name.Replace('.', '-') : hub.Name;
        var key = flaw == LogFlaw.CrossesClusters ? name : $"{node.Cluster}:{name}";
        if (!_hubs.TryGetValue(key, out var found))
        {
            _hubs.Add(key, found = new(flaw, Time, _epoch));
        }

        return found;
    }

    public void Subscribe(FlawedMessageLog node, LogHub hub)
    {
        lock (Gate)
        {
            if (flaw == LogFlaw.SubscribesTooLate && !_late.Contains((node, hub)))
            {
                _late.Add((node, hub));
                return;
            }

            var subscribers = Hub(node, hub).Subscribers;
            if (flaw == LogFlaw.SubscribesTwice || !subscribers.Contains((node, hub.Name)))
            {
                subscribers.Add((node, hub.Name));
            }
        }
    }

    public void Unsubscribe(FlawedMessageLog node, LogHub hub)
    {
        lock (Gate)
        {
            foreach (var log in flaw == LogFlaw.UnsubscribeEndsAll ? [.. _hubs.Values] : new[] { Hub(node, hub) })
            {
                log.Subscribers.RemoveAll(one => one.Node == node);
            }
        }
    }

    public bool HasKey(FlawedMessageLog node, LogHub hub, LogAppend append, out long offset)
    {
        lock (Gate)
        {
            offset = 1;
            return (flaw == LogFlaw.KeysCountForAllHubs && append.IdempotencyKey is { } key && !_keysOfAllHubs.Add(key))
                || Hub(node, hub).TryFindKey(append, out offset);
        }
    }

    public LogAppendResult Append(FlawedMessageLog node, LogHub hub, LogAppend append, bool isKeyChecked = false, long? offset = null)
    {
        lock (Gate)
        {
            var log = Hub(node, hub);
            if (!isKeyChecked && HasKey(node, hub, append, out var first))
            {
                return new() { Position = new(log.Epoch, first), IsRepeat = true };
            }

            _count++;
            var previous = log.End;
            var next = offset ?? log.End + (flaw == LogFlaw.SkipsOffsetsNowAndThen && _count % 50 == 0 ? 2 : 1);
            switch (flaw)
            {
                case LogFlaw.CountsFromZero:
                    next = log.End == 0 && _count == 1 ? 0 : next;
                    break;
                case LogFlaw.CountsAllHubsTogether:
                    next = ++_offsetOfAllHubs;
                    break;
                case LogFlaw.AppendsOncePerTarget when append.Targets.Count > 1:
                    var last = append.Targets.Select(target => Append(node, hub, new() { Targets = [target], Payload = append.Payload }, isKeyChecked: true)).ToArray()[^1];
                    return last;
            }

            var entry = log.Append(append, hub.Retention, next);
            Deliver(node, log, entry);
            foreach (var (late, lateHub) in _late.Where(one => Hub(one.Node, one.Hub) == log).ToArray())
            {
                Subscribe(late, lateHub);
                _late.Remove((late, lateHub));
            }

            return new() { Position = new(log.Epoch, next), PreviousOffset = flaw == LogFlaw.AnswersNoPredecessor ? null : previous };
        }
    }

    /// <summary>Takes an append that its caller is told to have failed.</summary>
    public void AppendLater(FlawedMessageLog node, LogHub hub, LogAppend append)
    {
        lock (Gate)
        {
            _refused.Add((node, hub, new() { Targets = append.Targets, Payload = append.Payload.ToArray() }));
        }
    }

    public void Cut()
    {
        FlawedMessageLog[] nodes;
        lock (Gate)
        {
            IsCut = true;
            nodes = [.. _nodes.Where(static node => !node.IsDirect)];
            foreach (var hub in _hubs.Values)
            {
                hub.Subscribers.RemoveAll(static one => !one.Node.IsDirect);
                if (flaw == LogFlaw.ForgetsKeysAtAnOutage)
                {
                    hub.ForgetKeys();
                }

                if (flaw == LogFlaw.LosesWhatItAnswered)
                {
                    hub.Lose(1);
                }
            }
        }

        Array.ForEach(nodes, static node => node.OnCut());
    }

    public void Restore()
    {
        FlawedMessageLog[] nodes;
        lock (Gate)
        {
            IsCut = false;
            _outages++;
            nodes = [.. _nodes.Where(static node => !node.IsDirect)];
            _refused.ForEach(late => Append(late.Node, late.Hub, late.Append));
            _refused.Clear();
        }

        Array.ForEach(nodes, node => node.OnRestored(_outages));
    }

    public void Restart(bool keepsData)
    {
        lock (Gate)
        {
            if (flaw != LogFlaw.KeepsItsEpochWithoutData)
            {
                _epoch++;
            }

            var subscribers = _hubs.Values.SelectMany(static hub => hub.Subscribers).ToArray(); // of direct nodes, which are back at once
            if (flaw == LogFlaw.LosesRecordsAtARestart || (!keepsData && flaw != LogFlaw.KeepsRecordsWithoutData))
            {
                Records.Clear();
            }

            if (!keepsData)
            {
                _hubs.Clear();
                Array.ForEach(subscribers, one => Subscribe(one.Node, MessageLogSuiteHub(one.Hub)));
            }
            else if (flaw == LogFlaw.BeginsAnewAtARestart)
            {
                foreach (var hub in _hubs.Values)
                {
                    hub.Epoch = _epoch;
                }
            }
        }
    }

    private static LogHub MessageLogSuiteHub(string name) => new()
    {
        Name = name,
        Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, IdempotencyTime = TimeSpan.FromHours(1) },
    };

    private void Deliver(FlawedMessageLog appender, FlawedHubLog log, LogEntry entry)
    {
        var times = _count % 20 != 0 ? 1 : flaw switch
        {
            LogFlaw.DropsNowAndThen => 0,
            LogFlaw.DuplicatesNowAndThen => 2,
            _ => 1,
        };
        var subscribers = flaw == LogFlaw.DeliversAllHubs
            ? _hubs.Values.SelectMany(static hub => hub.Subscribers).Select(one => (one.Node, Hub: _hubs.First(hub => hub.Value == log).Key[(one.Node.Cluster.Length + 1)..])).Distinct().ToList()
            : log.Subscribers;
        foreach (var (node, hub) in subscribers)
        {
            if ((flaw == LogFlaw.HeardByTheAppenderOnly && node != appender) || (flaw == LogFlaw.HeardByOthersOnly && node == appender))
            {
                continue;
            }

            for (var i = 0; i < times; i++)
            {
                node.Enqueue(hub, log.Epoch, entry);
            }
        }
    }
}
