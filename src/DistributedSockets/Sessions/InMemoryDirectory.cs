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
            return [.. MatchLocked(query).Select(static match => match.Session.Whole)];
        }
    }

    internal SessionPage Page(SessionQuery query, int maxSessions, SessionPosition? after)
    {
        List<Session> sessions;
        lock (_gate)
        {
            sessions = [.. MatchLocked(query)
                .Select(static match => (At: new SessionPosition(match.NodeId, match.Session.Hub, match.Session.ConnectionId), match.Session))
                .Where(match => after is not { } last || match.At.CompareTo(last) > 0)
                .OrderBy(static match => match.At)
                .Take(maxSessions == int.MaxValue ? maxSessions : maxSessions + 1)
                .Select(static match => match.Session.Whole)];
        }

        if (sessions.Count <= maxSessions)
        {
            return new() { Sessions = sessions };
        }

        sessions.RemoveAt(maxSessions);
        var end = sessions[^1];
        return new() { Sessions = sessions, ContinuationToken = new SessionPosition(end.NodeId, end.Hub, end.ConnectionId).ToString() };
    }

    internal Dictionary<string, long> Groups(GroupQuery query)
    {
        lock (_gate)
        {
            var sizes = new Dictionary<string, long>(StringComparer.Ordinal);
            foreach (var node in LiveLocked())
            {
                node.AddGroups(query, sizes);
            }

            return sizes;
        }
    }

    internal long Count(SessionQuery query)
    {
        lock (_gate)
        {
            return MatchLocked(query).LongCount();
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

    private IEnumerable<(string NodeId, InMemorySession Session)> MatchLocked(SessionQuery query) => _nodes
        .Where(pair => (query.NodeId is null || query.NodeId == pair.Key) && pair.Value.IsLive(time))
        .SelectMany(pair => pair.Value.Match(query).Select(session => (pair.Key, session)));

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
