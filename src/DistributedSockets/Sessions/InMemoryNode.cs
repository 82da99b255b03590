using System.Runtime.InteropServices;

namespace DistributedSockets;

/// <summary>The lease and the sessions of one node of an in-memory directory, with an index by user and group.</summary>
internal sealed class InMemoryNode
{
    private readonly Dictionary<(string Hub, string ConnectionId), InMemorySession> _sessions = [];
    private readonly Dictionary<(string Hub, string UserId), HashSet<InMemorySession>> _users = [];
    private readonly Dictionary<(string Hub, string Group), HashSet<InMemorySession>> _groups = [];

    internal NodeInfo? Info { get; private set; }

    private long RenewedAt { get; set; }

    private TimeSpan Expiry { get; set; }

    internal void Renew(NodeInfo info, TimeSpan expiry, TimeProvider time) => (Info, Expiry, RenewedAt) = (info, expiry, time.GetTimestamp());

    internal bool IsLive(TimeProvider time) => Info is not null && time.GetElapsedTime(RenewedAt) < Expiry;

    internal void Apply(SessionChange change)
    {
        var key = (change.Hub, change.ConnectionId);
        switch (change.Kind)
        {
            case SessionChangeKind.Saved:
                Remove(key);
                Add(key, change.Session);
                break;
            case SessionChangeKind.Ended:
                Remove(key);
                break;
            case SessionChangeKind.PropertiesSet:
                _sessions.GetValueOrDefault(key)?.SetProperties(change.Session.Properties);
                break;
            default:
                var group = change.Group ?? throw new ArgumentException("A group change names no group.", nameof(change));
                if (_sessions.TryGetValue(key, out var session))
                {
                    Apply(session, change.Kind, (change.Hub, group));
                }

                break;
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

            taken.Add(session.Whole);
            Remove(key);
        }

        return true;
    }

    internal Session? Find(string hub, string connectionId) => _sessions.GetValueOrDefault((hub, connectionId))?.Whole;

    internal bool HasUser(string hub, string userId) => _users.ContainsKey((hub, userId));

    /// <summary>The sessions that match; the node has been looked at already.</summary>
    internal IEnumerable<InMemorySession> Match(SessionQuery query) => query switch
    {
        { Hub: { } hub, UserId: { } userId, Group: { } group } => Match(SessionQuery.ForUser(hub, userId)).Where(session => session.IsIn(group)),
        { Hub: { } hub, UserId: { } userId } => _users.TryGetValue((hub, userId), out var sessions) ? sessions : [],
        { Hub: { } hub, Group: { } group } => _groups.TryGetValue((hub, group), out var sessions) ? sessions : [],
        { Hub: { } hub } => _sessions.Where(pair => pair.Key.Hub == hub).Select(static pair => pair.Value),
        _ => _sessions.Values,
    };

    /// <summary>Adds the sizes of the groups of a hub to those of other nodes.</summary>
    internal void AddGroups(GroupQuery query, Dictionary<string, long> sizes)
    {
        foreach (var ((hub, group), sessions) in _groups)
        {
            if (hub == query.Hub && (query.Prefix is not { } prefix || group.StartsWith(prefix, StringComparison.Ordinal)))
            {
                CollectionsMarshal.GetValueRefOrAddDefault(sizes, group, out _) += sessions.Count;
            }
        }
    }

    private static void Index(Dictionary<(string Hub, string Name), HashSet<InMemorySession>> index, (string Hub, string Name) name, InMemorySession session)
    {
        ref var sessions = ref CollectionsMarshal.GetValueRefOrAddDefault(index, name, out _);
        (sessions ??= []).Add(session);
    }

    private static void Unindex(Dictionary<(string Hub, string Name), HashSet<InMemorySession>> index, (string Hub, string Name) name, InMemorySession session)
    {
        if (index.TryGetValue(name, out var sessions) && sessions.Remove(session) && sessions.Count == 0)
        {
            index.Remove(name);
        }
    }

    private void Apply(InMemorySession session, SessionChangeKind kind, (string Hub, string Group) group)
    {
        if (kind == SessionChangeKind.GroupAdded)
        {
            session.Join(group.Group);
            Index(_groups, group, session);
        }
        else
        {
            session.Leave(group.Group);
            Unindex(_groups, group, session);
        }
    }

    private void Add((string Hub, string ConnectionId) key, Session saved)
    {
        var session = new InMemorySession(saved);
        _sessions.Add(key, session);
        if (saved.UserId is { } userId)
        {
            Index(_users, (key.Hub, userId), session);
        }

        foreach (var group in saved.Groups)
        {
            Index(_groups, (key.Hub, group), session);
        }
    }

    private void Remove((string Hub, string ConnectionId) key)
    {
        if (_sessions.Remove(key, out var session))
        {
            if (session.UserId is { } userId)
            {
                Unindex(_users, (key.Hub, userId), session);
            }

            foreach (var group in session.Groups)
            {
                Unindex(_groups, (key.Hub, group), session);
            }
        }
    }
}
