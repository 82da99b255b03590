using System.Runtime.InteropServices;

namespace DistributedSockets;

/// <summary>The lease and the sessions of one node of an in-memory directory, with an index by user and group.</summary>
internal sealed class InMemoryNode
{
    private readonly Dictionary<(string Hub, string ConnectionId), Session> _sessions = [];
    private readonly Dictionary<(string Hub, string UserId), Dictionary<string, Session>> _users = [];
    private readonly Dictionary<(string Hub, string Group), Dictionary<string, Session>> _groups = [];

    internal NodeInfo? Info { get; private set; }

    private long RenewedAt { get; set; }

    private TimeSpan Expiry { get; set; }

    internal void Renew(NodeInfo info, TimeSpan expiry, TimeProvider time) => (Info, Expiry, RenewedAt) = (info, expiry, time.GetTimestamp());

    internal bool IsLive(TimeProvider time) => Info is not null && time.GetElapsedTime(RenewedAt) < Expiry;

    internal void Apply(SessionChange change)
    {
        Remove((change.Session.Hub, change.Session.ConnectionId));
        if (change.Kind != SessionChangeKind.Ended)
        {
            Add(change.Session);
        }
    }

    internal void Clear()
    {
        _sessions.Clear();
        _users.Clear();
        _groups.Clear();
    }

    /// <summary>Takes out up to so many sessions.</summary>
    /// <returns>Whether none is left.</returns>
    internal bool Take(int count, List<Session> taken)
    {
        foreach (var (key, session) in _sessions)
        {
            if (count-- == 0)
            {
                return false;
            }

            taken.Add(session);
            Remove(key);
        }

        return true;
    }

    internal Session? Find(string hub, string connectionId) => _sessions.GetValueOrDefault((hub, connectionId));

    internal bool HasUser(string hub, string userId) => _users.ContainsKey((hub, userId));

    /// <summary>The sessions that match; the node has been looked at already.</summary>
    internal IEnumerable<Session> Match(SessionQuery query) => query switch
    {
        { Hub: { } hub, UserId: { } userId } => _users.TryGetValue((hub, userId), out var sessions) ? sessions.Values : [],
        { Hub: { } hub, Group: { } group } => _groups.TryGetValue((hub, group), out var sessions) ? sessions.Values : [],
        { Hub: { } hub } => _sessions.Values.Where(session => session.Hub == hub),
        _ => _sessions.Values,
    };

    private static void Index(Dictionary<(string Hub, string Name), Dictionary<string, Session>> index, string name, Session session)
    {
        ref var sessions = ref CollectionsMarshal.GetValueRefOrAddDefault(index, (session.Hub, name), out _);
        (sessions ??= [])[session.ConnectionId] = session;
    }

    private static void Unindex(Dictionary<(string Hub, string Name), Dictionary<string, Session>> index, string name, Session session)
    {
        if (index.TryGetValue((session.Hub, name), out var sessions) && sessions.Remove(session.ConnectionId) && sessions.Count == 0)
        {
            index.Remove((session.Hub, name));
        }
    }

    private void Add(Session session)
    {
        _sessions.Add((session.Hub, session.ConnectionId), session);
        if (session.UserId is { } userId)
        {
            Index(_users, userId, session);
        }

        foreach (var group in session.Groups)
        {
            Index(_groups, group, session);
        }
    }

    private void Remove((string Hub, string ConnectionId) key)
    {
        if (_sessions.Remove(key, out var session))
        {
            if (session.UserId is { } userId)
            {
                Unindex(_users, userId, session);
            }

            foreach (var group in session.Groups)
            {
                Unindex(_groups, group, session);
            }
        }
    }
}
