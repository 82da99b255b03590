namespace DistributedSockets;

/// <summary>What the changes of a commit come to for one session.</summary>
internal sealed class RedisSessionUpdate(string hub, string connectionId)
{
    private readonly Dictionary<string, bool> _groups = new(StringComparer.Ordinal);

    public string Hub => hub;

    public string ConnectionId => connectionId;

    /// <summary>The session if it is written as a whole or has ended; null if only groups of it change.</summary>
    public Session? Whole { get; private set; }

    public bool HasEnded { get; private set; }

    /// <summary>The session whose record is written, without a word about its groups; null if only groups of it change.</summary>
    public Session? Record { get; private set; }

    /// <summary>The groups that are touched, and whether the session is in them in the end.</summary>
    public IReadOnlyCollection<KeyValuePair<string, bool>> Groups => _groups;

    /// <summary>Puts changes together, one update per session.</summary>
    public static List<RedisSessionUpdate> From(IReadOnlyList<SessionChange> changes)
    {
        var updates = new List<RedisSessionUpdate>();
        var bySession = new Dictionary<(string Hub, string ConnectionId), RedisSessionUpdate>();
        foreach (var change in changes)
        {
            var key = (change.Hub, change.ConnectionId);
            if (!bySession.TryGetValue(key, out var update))
            {
                update = new(key.Hub, key.ConnectionId);
                bySession.Add(key, update);
                updates.Add(update);
            }

            update.Add(change);
        }

        return updates;
    }

    private void Add(SessionChange change)
    {
        if (change.Kind is SessionChangeKind.GroupAdded or SessionChangeKind.GroupRemoved)
        {
            _groups[change.Group ?? throw new ArgumentException("A group change names no group.", nameof(change))] = change.Kind == SessionChangeKind.GroupAdded;
            return;
        }

        if (change.Kind == SessionChangeKind.PropertiesSet)
        {
            if (Whole is null)
            {
                Record = change.Session;
            }
            else if (!HasEnded)
            {
                Whole = Whole with { Properties = change.Session.Properties };
            }

            return;
        }

        Whole = change.Session;
        HasEnded = change.Kind == SessionChangeKind.Ended;
        foreach (var group in _groups.Keys)
        {
            _groups[group] = false; // what came before counts no more
        }

        foreach (var group in Whole.Groups)
        {
            _groups[group] = !HasEnded;
        }
    }
}
