namespace DistributedSockets;

/// <summary>Which connections of a node are in which groups, so that the size of a group is known without asking; used by one commit at a time.</summary>
internal sealed class NatsOwnGroups
{
    private readonly Dictionary<(string Hub, string Group), HashSet<string>> _members = [];
    private readonly HashSet<(string Hub, string Group)> _due = [];

    /// <summary>Whether what stood in the bucket before is known.</summary>
    public bool IsLoaded { get; private set; }

    /// <summary>The groups whose sizes are to be written.</summary>
    public IReadOnlyCollection<(string Hub, string Group)> Due => _due;

    /// <summary>Takes what stands in the bucket: the tokens of the node's group index.</summary>
    /// <param name="members">Hub, group and connection of each. The group's name is known only where the token tells it.</param>
    public void Load(IEnumerable<(string Hub, string Group, string Connection)> members)
    {
        _members.Clear();
        foreach (var (hub, group, connection) in members)
        {
            Members((hub, group)).Add(connection);
        }

        IsLoaded = true;
    }

    public void Unload()
    {
        _members.Clear();
        _due.Clear();
        IsLoaded = false;
    }

    /// <summary>Follows changes. The sizes that they may have changed are due until they are written.</summary>
    public void Apply(string nodeId, IReadOnlyList<SessionChange> changes)
    {
        foreach (var change in changes)
        {
            if (change.Kind == SessionChangeKind.PropertiesSet)
            {
                continue;
            }

            var connection = NatsSessionKeys.Connection(nodeId, change.ConnectionId);
            if (change.Group is { } one && change.Kind is SessionChangeKind.GroupAdded or SessionChangeKind.GroupRemoved)
            {
                Set((change.Hub, one), connection, change.Kind == SessionChangeKind.GroupAdded);
                continue;
            }

            foreach (var group in change.Session.Groups)
            {
                Set((change.Hub, group), connection, change.Kind == SessionChangeKind.Saved);
            }
        }
    }

    public int Size((string Hub, string Group) group) => _members.TryGetValue(Tokens(group), out var members) ? members.Count : 0;

    public void Written((string Hub, string Group) group) => _due.Remove(group);

    private static (string Hub, string Group) Tokens((string Hub, string Group) group) => (NatsKeyToken.Encode(group.Hub), NatsKeyToken.Encode(group.Group));

    private HashSet<string> Members((string Hub, string Group) tokens)
    {
        if (!_members.TryGetValue(tokens, out var members))
        {
            _members.Add(tokens, members = new(StringComparer.Ordinal));
        }

        return members;
    }

    private void Set((string Hub, string Group) group, string connection, bool isMember)
    {
        var tokens = Tokens(group);
        _due.Add(group);
        if (isMember)
        {
            Members(tokens).Add(connection);
        }
        else if (_members.TryGetValue(tokens, out var members) && members.Remove(connection) && members.Count == 0)
        {
            _members.Remove(tokens);
        }
    }
}
