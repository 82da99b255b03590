namespace DistributedSockets;

/// <summary>The sessions and leases of one prefix of an in-memory cluster.</summary>
internal sealed class InMemoryDirectory(TimeProvider time)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, NodeRecord> _nodes = new(StringComparer.Ordinal);

    internal bool Renew(NodeInfo node, TimeSpan expiry)
    {
        lock (_gate)
        {
            var record = Record(node.NodeId);
            var held = IsLive(record);
            record.Info = node;
            record.RenewedAt = time.GetTimestamp();
            record.Expiry = expiry;
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
            var sessions = Record(nodeId).Sessions;
            foreach (var change in changes)
            {
                var key = (change.Session.Hub, change.Session.ConnectionId);
                if (change.Kind == SessionChangeKind.Ended)
                {
                    sessions.Remove(key);
                }
                else
                {
                    sessions[key] = change.Session;
                }
            }
        }
    }

    internal void Reset(string nodeId)
    {
        lock (_gate)
        {
            if (_nodes.TryGetValue(nodeId, out var record))
            {
                record.Sessions.Clear();
            }
        }
    }

    internal List<Session> Claim(string claimantNodeId, int maxSessions)
    {
        lock (_gate)
        {
            var claimed = new List<Session>();
            foreach (var (nodeId, record) in _nodes)
            {
                if (nodeId == claimantNodeId || IsLive(record))
                {
                    continue;
                }

                foreach (var (key, session) in record.Sessions)
                {
                    if (claimed.Count == maxSessions)
                    {
                        return claimed;
                    }

                    claimed.Add(session);
                    record.Sessions.Remove(key);
                }

                _nodes.Remove(nodeId);
            }

            return claimed;
        }
    }

    internal Session? Find(string hub, string connectionId)
    {
        lock (_gate)
        {
            foreach (var (_, record) in _nodes)
            {
                if (IsLive(record) && record.Sessions.TryGetValue((hub, connectionId), out var session))
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
            var found = new List<Session>();
            foreach (var (nodeId, record) in _nodes)
            {
                if (!IsLive(record) || (query.NodeId is not null && query.NodeId != nodeId))
                {
                    continue;
                }

                foreach (var (_, session) in record.Sessions)
                {
                    if ((query.Hub is null || query.Hub == session.Hub)
                        && (query.UserId is null || query.UserId == session.UserId)
                        && (query.Group is null || session.Groups.Contains(query.Group, StringComparer.Ordinal)))
                    {
                        found.Add(session);
                    }
                }
            }

            return found;
        }
    }

    internal List<NodeInfo> Nodes()
    {
        lock (_gate)
        {
            return [.. _nodes.Values.Where(IsLive).Select(static record => record.Info!)]; // a live record has been renewed
        }
    }

    internal bool[] AreOnline(string hub, IReadOnlyList<string> userIds)
    {
        lock (_gate)
        {
            var users = new HashSet<string>(StringComparer.Ordinal);
            foreach (var record in _nodes.Values.Where(IsLive))
            {
                foreach (var (_, session) in record.Sessions)
                {
                    if (session.Hub == hub && session.UserId is { } userId)
                    {
                        users.Add(userId);
                    }
                }
            }

            return [.. userIds.Select(users.Contains)];
        }
    }

    private bool IsLive(NodeRecord record) => record.Info is not null && time.GetElapsedTime(record.RenewedAt) < record.Expiry;

    private NodeRecord Record(string nodeId)
    {
        if (!_nodes.TryGetValue(nodeId, out var record))
        {
            _nodes.Add(nodeId, record = new());
        }

        return record;
    }

    private sealed class NodeRecord
    {
        internal readonly Dictionary<(string Hub, string ConnectionId), Session> Sessions = [];
        internal NodeInfo? Info;
        internal long RenewedAt;
        internal TimeSpan Expiry;
    }
}
