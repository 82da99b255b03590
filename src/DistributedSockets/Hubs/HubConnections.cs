using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>The connections of one hub on this node, by id, user and group, and the hub's channel names.</summary>
internal sealed class HubConnections
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, Connection> _connections = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, MemberSet> _users = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, MemberSet> _groups = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Connection>.AlternateLookup<ReadOnlySpan<char>> _connectionsBySpan;
    private readonly ConcurrentDictionary<string, MemberSet>.AlternateLookup<ReadOnlySpan<char>> _usersBySpan;
    private readonly ConcurrentDictionary<string, MemberSet>.AlternateLookup<ReadOnlySpan<char>> _groupsBySpan;
    private readonly SessionChanges _changes;
    private readonly string _channelPrefix;
    private readonly bool _isBroadcast;
    private PresenceRoster? _roster;
    private volatile bool _isServed;
    private int _keepsOwnChannel;
    private readonly MemberSet _all = new();

    internal HubConnections(string name, string prefix, string nodeId, RoutingStrategy routing, SessionChanges changes, HubOptions options)
    {
        Name = name;
        Options = options;
        Deflater = new(options);
        Presence = options.Presence == PresenceScope.None ? null : new(options.Presence);
        _changes = changes;
        _connectionsBySpan = _connections.GetAlternateLookup<ReadOnlySpan<char>>();
        _usersBySpan = _users.GetAlternateLookup<ReadOnlySpan<char>>();
        _groupsBySpan = _groups.GetAlternateLookup<ReadOnlySpan<char>>();
        _channelPrefix = $"{prefix}:v1:{name}:";
        _isBroadcast = routing == RoutingStrategy.Broadcast;
        AllChannel = _channelPrefix + "all";
        OwnChannel = NodeChannel(nodeId);
        PresenceChannel = _channelPrefix + "presence";
    }

    internal string Name { get; }

    /// <summary>The options that hold for this hub in this process.</summary>
    internal HubOptions Options { get; }

    /// <summary>Compresses what this process sends to the hub.</summary>
    internal FrameDeflater Deflater { get; }

    internal FanOutWriter Writer { get; } = new();

    /// <summary>The connections that are not known here yet, since their handshakes are being answered.</summary>
    internal OpeningConnections Opening { get; } = new();

    internal string AllChannel { get; }

    /// <summary>The channel on which other nodes reach connections of this node, and on which answers come.</summary>
    internal string OwnChannel { get; }

    /// <summary>Whether this process accepts connections of the hub.</summary>
    internal bool IsServed
    {
        get => _isServed;
        set => _isServed = value;
    }

    /// <summary>Who of the hub's users is here, for the presence of the cluster; null if the hub keeps none.</summary>
    internal LocalPresence? Presence { get; }

    /// <summary>The channel on which the rosters hear who comes and goes.</summary>
    internal string PresenceChannel { get; }

    /// <summary>The roster, once somebody in this process has asked for it.</summary>
    internal PresenceRoster? Roster
    {
        get => Volatile.Read(ref _roster);
        set => Volatile.Write(ref _roster, value);
    }

    internal MemberList All => _all.Members;

    internal int Count => _connections.Count;

    internal string UserChannel(string userId) => _isBroadcast ? AllChannel : $"{_channelPrefix}user:{userId}";

    internal string GroupChannel(string group) => _isBroadcast ? AllChannel : $"{_channelPrefix}group:{group}";

    internal string NodeChannel(ReadOnlySpan<char> nodeId) => $"{_channelPrefix}node:{nodeId}";

    /// <summary>Whether to keep the need for the node's own channel for as long as the process lives; true once.</summary>
    /// <remarks>
    /// A node that has had connections goes on listening, to say that they have ended: where nobody listens, the node is gone or cut off.
    /// </remarks>
    internal bool TryKeepOwnChannel() => Interlocked.Exchange(ref _keepsOwnChannel, 1) == 0;

    internal Connection? Find(ReadOnlySpan<char> connectionId) =>
        _connectionsBySpan.TryGetValue(connectionId, out var connection) ? connection : null;

    internal MemberList User(ReadOnlySpan<char> userId) => _usersBySpan.TryGetValue(userId, out var members) ? members.Members : MemberList.Empty;

    internal MemberList Group(ReadOnlySpan<char> group) => _groupsBySpan.TryGetValue(group, out var members) ? members.Members : MemberList.Empty;

    internal MemberList Members(WebSocketTargetKind kind, ReadOnlySpan<char> name) => kind switch
    {
        WebSocketTargetKind.All => All,
        WebSocketTargetKind.Users => User(name),
        WebSocketTargetKind.Groups => Group(name),
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "Connections are found one by one."),
    };

    internal void Add(Connection connection) => Add(connection, []);

    /// <param name="connection">The connection.</param>
    /// <param name="groups">The groups that it begins in, each with its channel, which is released as for any other group.</param>
    internal void Add(Connection connection, ReadOnlySpan<(string Group, string Channel)> groups)
    {
        lock (_gate)
        {
            _connections[connection.Id] = connection;
            connection.Registry = this;
            _all.Add(connection);
            if (connection.UserId is { } userId)
            {
                _users.GetOrAdd(userId, static _ => new()).Add(connection);
                Presence?.Add(userId);
            }

            foreach (var (group, channel) in groups)
            {
                JoinLocked(connection, group, channel);
            }

            _changes.Add(new() { Kind = SessionChangeKind.Saved, Session = SessionLocked(connection, GroupsLocked(connection)) });
        }
    }

    /// <summary>Lets go of a connection; returns the channels of the groups it was in, to be released, or nothing if that was done before.</summary>
    internal string[]? Remove(Connection connection)
    {
        lock (_gate)
        {
            if (connection.Removed)
            {
                return null;
            }

            connection.Removed = true;
            _connections.TryRemove(connection.Id, out _);
            _all.Remove(connection, ended: true);
            if (connection.UserId is { } userId)
            {
                RemoveFrom(_users, userId, connection, ended: true);
                Presence?.Remove(userId);
            }

            var groups = GroupsLocked(connection);
            var channels = new string[groups.Length];
            for (var i = 0; i < groups.Length; i++)
            {
                channels[i] = RemoveFrom(_groups, groups[i], connection, ended: true).Channel;
                Presence?.RemoveFromGroup(connection.UserId, groups[i]);
            }

            connection.Groups = null;
            _changes.Add(new() { Kind = SessionChangeKind.Ended, Session = SessionLocked(connection, groups) });
            return channels;
        }
    }

    /// <summary>Whether a connection is in as many groups as it may be, and this is none of them.</summary>
    internal bool IsFull(Connection connection, string group, int maxGroups)
    {
        lock (_gate)
        {
            return connection.Groups?.Count >= maxGroups && !connection.Groups.Contains(group);
        }
    }

    /// <param name="connection">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="maxGroups">In how many groups it may be.</param>
    /// <param name="channel">The channel of the group, if it is known.</param>
    internal GroupJoin AddToGroup(Connection connection, string group, int maxGroups, string? channel = null)
    {
        lock (_gate)
        {
            if (connection.Removed)
            {
                return GroupJoin.Gone;
            }

            if (connection.Groups?.Contains(group) == true)
            {
                return GroupJoin.WasMember;
            }

            if (connection.Groups?.Count >= maxGroups)
            {
                return GroupJoin.TooMany;
            }

            JoinLocked(connection, group, channel);
            _changes.Add(GroupChange(SessionChangeKind.GroupAdded, connection, group));
            return GroupJoin.Joined;
        }
    }

    /// <returns>The channel of the group, to be released; nothing if it was not in the group.</returns>
    internal string? RemoveFromGroup(Connection connection, string group)
    {
        lock (_gate)
        {
            if (connection.Groups?.Remove(group) != true)
            {
                return null;
            }

            var members = RemoveFrom(_groups, group, connection, ended: false);
            _changes.Add(GroupChange(SessionChangeKind.GroupRemoved, connection, group));
            Presence?.RemoveFromGroup(connection.UserId, group);
            return members.Channel;
        }
    }

    /// <summary>Sets the properties of a connection's session, unless it has ended.</summary>
    internal void SetProperties(Connection connection, IReadOnlyDictionary<string, string> properties)
    {
        lock (_gate)
        {
            if (!connection.Removed)
            {
                connection.UseProperties(properties);
                _changes.Add(new() { Kind = SessionChangeKind.PropertiesSet, Session = SessionLocked(connection, GroupsLocked(connection)) });
            }
        }
    }

    internal string[] GroupsOf(Connection connection)
    {
        lock (_gate)
        {
            return GroupsLocked(connection);
        }
    }

    /// <summary>The session of a connection as it is now, or nothing if it has ended.</summary>
    internal Session? FindSession(Connection connection)
    {
        lock (_gate)
        {
            return connection.Removed ? null : SessionLocked(connection, GroupsLocked(connection));
        }
    }

    private void JoinLocked(Connection connection, string group, string? channel)
    {
        if (!_groups.TryGetValue(group, out var members))
        {
            _groups[group] = members = new() { Channel = channel ?? GroupChannel(group) };
        }

        (connection.Groups ??= new(StringComparer.Ordinal)).Add(group);
        members.Add(connection);
        Presence?.AddToGroup(connection.UserId, group);
    }

    private static MemberSet RemoveFrom(ConcurrentDictionary<string, MemberSet> sets, string name, Connection connection, bool ended)
    {
        var members = sets[name];
        members.Remove(connection, ended);
        if (members.Count == 0)
        {
            sets.TryRemove(name, out _);
        }

        return members;
    }

    private static string[] GroupsLocked(Connection connection) => connection.Groups is { Count: > 0 } groups ? [.. groups] : [];

    /// <summary>Says what changed, and leaves it to the store whether it needs the session as a whole: made here, a join would cost as much as there are groups.</summary>
    private SessionChange GroupChange(SessionChangeKind kind, Connection connection, string group) =>
        new(kind, Name, connection.Id, group, connection.ReadSession ??= SessionReader(connection));

    private Func<Session> SessionReader(Connection connection) => () =>
    {
        lock (_gate)
        {
            return SessionLocked(connection, GroupsLocked(connection)); // without groups if it has ended; its end is written next
        }
    };

    private Session SessionLocked(Connection connection, string[] groups) => new()
    {
        Hub = Name,
        ConnectionId = connection.Id,
        NodeId = connection.NodeId,
        UserId = connection.UserId,
        ConnectedAt = connection.ConnectedAt,
        Groups = groups,
        Properties = connection.Properties,
    };
}
