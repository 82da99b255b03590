namespace DistributedSockets;

/// <summary>The nodes and sessions of one prefix of an in-memory cluster.</summary>
internal sealed class InMemoryDirectory(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, InMemoryNode> _nodes = new(StringComparer.Ordinal);

    internal bool Renew(NodeInfo info, TimeSpan expiry)
    {
        lock (_gate)
        {
            var node = Node(info.NodeId);
            var held = node.IsLive(time);
            node.Renew(info, expiry, time);
            return held;
        }
    }

    internal void Remove(string nodeId)
    {
        lock (_gate)
        {
            _nodes.Remove(nodeId);
        }
    }

    internal void Commit(string nodeId, IReadOnlyList<SessionChange> changes)
    {
        lock (_gate)
        {
            var node = Node(nodeId);
            foreach (var change in changes)
            {
                node.Apply(change);
            }
        }
    }

    internal void Reset(string nodeId)
    {
        lock (_gate)
        {
            _nodes.GetValueOrDefault(nodeId)?.Clear();
        }
    }

    internal List<Session> Claim(string claimantNodeId, int maxSessions)
    {
        lock (_gate)
        {
            var claimed = new List<Session>();
            foreach (var (nodeId, node) in _nodes)
            {
                if (nodeId != claimantNodeId && !node.IsLive(time))
                {
                    if (!node.Take(maxSessions - claimed.Count, claimed))
                    {
                        break;
                    }

                    _nodes.Remove(nodeId);
                }
            }

            return claimed;
        }
    }

    internal Session? Find(string hub, string connectionId)
    {
        lock (_gate)
        {
            foreach (var node in LiveLocked())
            {
                if (node.Find(hub, connectionId) is { } session)
                {
                    return session;
                }
            }

            return null;
        }
    }

    internal List<Session> List(SessionQuery query)
    {
        lock (_gate)
        {
            return [.. LiveLocked().Where(node => query.NodeId is null || query.NodeId == node.Info?.NodeId).SelectMany(node => node.Match(query)).Select(static session => session.Whole)];
        }
    }

    internal long Count(SessionQuery query)
    {
        lock (_gate)
        {
            return LiveLocked().Where(node => query.NodeId is null || query.NodeId == node.Info?.NodeId).Sum(node => node.Match(query).LongCount());
        }
    }

    internal List<NodeInfo> Nodes()
    {
        lock (_gate)
        {
            return [.. LiveLocked().Select(static node => node.Info).OfType<NodeInfo>()];
        }
    }

    internal bool[] AreOnline(string hub, IReadOnlyList<string> userIds)
    {
        lock (_gate)
        {
            return [.. userIds.Select(userId => LiveLocked().Any(node => node.HasUser(hub, userId)))];
        }
    }

    private IEnumerable<InMemoryNode> LiveLocked() => _nodes.Values.Where(node => node.IsLive(time));

    private InMemoryNode Node(string nodeId)
    {
        if (!_nodes.TryGetValue(nodeId, out var node))
        {
            _nodes.Add(nodeId, node = new());
        }

        return node;
    }
}
