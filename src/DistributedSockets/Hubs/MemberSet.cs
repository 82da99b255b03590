namespace DistributedSockets;

/// <summary>A set of local connections: changed under the hub's gate, read as a snapshot that is rebuilt only after a change.</summary>
internal sealed class MemberSet(Lock gate)
{
    private readonly HashSet<Connection> _members = [];
    private volatile Connection[]? _snapshot = [];

    internal int Count => _members.Count;

    internal Connection[] Snapshot
    {
        get
        {
            if (_snapshot is { } snapshot)
            {
                return snapshot;
            }

            lock (gate)
            {
                return _snapshot ??= [.. _members];
            }
        }
    }

    internal bool Add(Connection connection)
    {
        _snapshot = null;
        return _members.Add(connection);
    }

    internal bool Remove(Connection connection)
    {
        _snapshot = null;
        return _members.Remove(connection);
    }
}
