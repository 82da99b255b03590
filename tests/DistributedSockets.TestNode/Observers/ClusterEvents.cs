namespace DistributedSockets.TestNode;

/// <summary>The last events and the counts of all of them.</summary>
internal sealed class ClusterEvents
{
    private const int Kept = 10_000;

    private readonly Lock _gate = new();
    private readonly Queue<ClusterEvent> _events = new();
    private readonly Dictionary<string, double> _counts = new(StringComparer.Ordinal)
    {
        ["events.session_started"] = 0,
        ["events.session_ended.disconnected"] = 0,
        ["events.session_ended.node_lost"] = 0,
        ["events.possible_loss"] = 0,
    };

    public void Add(string count, ClusterEvent happened)
    {
        lock (_gate)
        {
            _counts[count] = _counts.GetValueOrDefault(count) + 1;
            _events.Enqueue(happened);
            if (_events.Count > Kept)
            {
                _events.Dequeue();
            }
        }
    }

    public ClusterEvent[] Last()
    {
        lock (_gate)
        {
            return [.. _events];
        }
    }

    public void CopyCountsTo(IDictionary<string, double> values)
    {
        lock (_gate)
        {
            foreach (var (name, value) in _counts)
            {
                values[name] = value;
            }
        }
    }
}
