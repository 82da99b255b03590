using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>The connections of one hub on this node, by id, user and group, and the hub's channel names.</summary>
/// <remarks>
/// What becomes of one connection is settled under a lock on its joins: so its changes have an order, and connections do not wait for each
/// other. Sets of members see to themselves, and end with their last member.
/// </remarks>
internal sealed class HubConnections
{
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
    private readonly MemberSet _all = new("");

    internal HubConnections(string name, string prefix, string nodeId, RoutingStrategy routing, SessionChanges changes, HubOptions options)
    {
        Name = name;
        Options = options;
        Deflater = new(options);
        Presence = options.Presence == PresenceScope.None ? null : new(options.Presence);
        Log = HubLog.Of(name, options);
        _changes = changes;
        Sessions = new(this, changes, nodeId);
        _connectionsBySpan = _connections.GetAlternateLookup<ReadOnlySpan<char>>();
        _usersBySpan = _users.GetAlternateLookup<ReadOnlySpan<char>>();
        _groupsBySpan = _groups.GetAlternateLookup<ReadOnlySpan<char>>();
        _channelPrefix = $"{prefix}:v1:{name}:";
        _isBroadcast = routing == RoutingStrategy.Broadcast;
        AllChannel = _channelPrefix + "all";
        OwnChannel = NodeChannel(nodeId);
        PresenceChannel = _channelPrefix + "presence";
        LogChannel = _channelPrefix + "log";
    }

    internal string Name { get; }

    /// <summary>The options that hold for this hub in this process.</summary>
    internal HubOptions Options { get; }

    /// <summary>Compresses what this process sends to the hub.</summary>
    internal FrameDeflater Deflater { get; }

    internal FanOutWriter Writer { get; } = new(Environment.ProcessorCount);

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

    /// <summary>What of the hub is logged; null if it has no log.</summary>
    internal HubLog? Log { get; }

    /// <summary>The sessions of the hub that this node owns.</summary>
    internal SessionTable Sessions { get; }

    /// <summary>For what envelopes in the hub's log are sealed. Nothing is published there.</summary>
    internal string LogChannel { get; }

    /// <summary>The roster, once somebody in this process has asked for it.</summary>
    internal PresenceRoster? Roster
    {
        get => Volatile.Read(ref _roster);
        set => Volatile.Write(ref _roster, value);
    }

    internal MemberList All => _all.Members;

    internal int Count => _all.Count;

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
        lock (connection.Joins)
        {
            _connections[connection.Id] = connection;
            connection.Registry = this;
            connection.InHub = _all.Add(connection);
            if (connection.UserId is { } userId)
            {
                connection.OfUser = Join(_users, userId, connection, "");
                if (IsWhole(connection))
                {
                    Presence?.Add(userId);
                }
            }

            foreach (var (group, channel) in groups)
            {
                JoinLocked(connection, group, channel);
            }

            if (connection.Session is { } session)
            {
                session.Standing.Connect(connection);
            }
            else
            {
                _changes.Add(new() { Kind = SessionChangeKind.Saved, Session = SessionLocked(connection, connection.Groups.Names()) });
            }
        }
    }

    /// <summary>Lets go of a connection; returns the channels of the groups it was in, to be released, or nothing if that was done before.</summary>
    internal string[]? Remove(Connection connection)
    {
        lock (connection.Joins)
        {
            if (connection.Removed)
            {
                return null;
            }

            connection.Removed = true;
            _connections.TryRemove(new(connection.Id, connection)); // its session may have another one by now
            if (connection.InHub is { } inHub)
            {
                _all.Remove(inHub, ended: true, endsSet: false);
            }

            if (connection.OfUser is { } ofUser)
            {
                Leave(_users, ofUser, ended: true);
                if (IsWhole(connection))
                {
                    Presence?.Remove(ofUser.Set.Name);
                }
            }

            // Whoever holds an ended connection would hold the parts it was in, and by them whoever was there at the time, and so on.
            (connection.InHub, connection.OfUser) = (null, null);
            var groups = connection.Groups.Names();
            var memberships = connection.Groups.TakeAll();
            var channels = new string[memberships.Length];
            for (var i = 0; i < memberships.Length; i++)
            {
                channels[i] = Leave(_groups, memberships[i], ended: true);
                if (IsWhole(connection))
                {
                    Presence?.RemoveFromGroup(connection.UserId, memberships[i].Set.Name);
                }
            }

            if (connection.Session is { } session)
            {
                session.Standing.Rest(connection);
            }
            else
            {
                _changes.Add(new() { Kind = SessionChangeKind.Ended, Session = SessionLocked(connection, groups) });
            }

            return channels;
        }
    }

    /// <summary>Whether a connection is in as many groups as it may be, and this is none of them.</summary>
    internal static bool IsFull(Connection connection, string group, int maxGroups)
    {
        lock (connection.Joins)
        {
            return connection.Groups.Count >= maxGroups && !connection.Groups.Contains(group);
        }
    }

    /// <param name="connection">The connection.</param>
    /// <param name="group">The group.</param>
    /// <param name="maxGroups">In how many groups it may be.</param>
    /// <param name="channel">The channel of the group, if it is known.</param>
    internal GroupJoin AddToGroup(Connection connection, string group, int maxGroups, string? channel = null)
    {
        lock (connection.Joins)
        {
            if (connection.Removed)
            {
                return GroupJoin.Gone;
            }

            if (connection.Groups.Contains(group))
            {
                return GroupJoin.WasMember;
            }

            if (connection.Groups.Count >= maxGroups)
            {
                return GroupJoin.TooMany;
            }

            JoinLocked(connection, group, channel);
            if (IsWhole(connection))
            {
                _changes.Add(GroupChange(SessionChangeKind.GroupAdded, connection, group));
            }

            return GroupJoin.Joined;
        }
    }

    /// <returns>The channel of the group, to be released; nothing if it was not in the group.</returns>
    internal string? RemoveFromGroup(Connection connection, string group)
    {
        lock (connection.Joins)
        {
            if (connection.Groups.Take(group) is not { } membership)
            {
                return null;
            }

            var channel = Leave(_groups, membership, ended: false);
            if (IsWhole(connection))
            {
                _changes.Add(GroupChange(SessionChangeKind.GroupRemoved, connection, group));
                Presence?.RemoveFromGroup(connection.UserId, group);
            }

            return channel;
        }
    }

    /// <summary>Sets the properties of a connection's session, unless it has ended.</summary>
    internal void SetProperties(Connection connection, IReadOnlyDictionary<string, string> properties)
    {
        lock (connection.Joins)
        {
            if (connection.Removed)
            {
                return;
            }

            if (connection.Session is { } session)
            {
                session.SetProperties(properties);
            }
            else
            {
                SetPropertiesLocked(connection, properties);
            }
        }
    }

    /// <summary>Sets the properties of a connection without a session that can be resumed, unless it has ended or they are others than expected.</summary>
    internal bool TrySetProperties(Connection connection, IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties)
    {
        lock (connection.Joins)
        {
            if (connection.Removed || !PropertyChange.AreSame(connection.Properties, expected))
            {
                return false;
            }

            SetPropertiesLocked(connection, properties);
            return true;
        }
    }

    private void SetPropertiesLocked(Connection connection, IReadOnlyDictionary<string, string> properties)
    {
        connection.UseProperties(properties);
        _changes.Add(new() { Kind = SessionChangeKind.PropertiesSet, Session = SessionLocked(connection, connection.Groups.Names()) });
    }

    internal static bool IsIn(Connection connection, string group)
    {
        lock (connection.Joins)
        {
            return connection.Groups.Contains(group);
        }
    }

    internal static string[] GroupsOf(Connection connection)
    {
        lock (connection.Joins)
        {
            return connection.Groups.Names();
        }
    }

    /// <summary>The sessions that are here, those whose client is away among them. The end of one that ends meanwhile comes with the changes.</summary>
    internal IEnumerable<Session> ReadSessions()
    {
        foreach (var connection in All)
        {
            if (IsWhole(connection) && FindSession(connection) is { } session)
            {
                yield return session;
            }
        }

        foreach (var resumable in Sessions.All)
        {
            if (resumable.Standing.Find() is { } session)
            {
                yield return session;
            }
        }
    }

    private Session? FindSession(Connection connection)
    {
        lock (connection.Joins)
        {
            return connection.Removed ? null : SessionLocked(connection, connection.Groups.Names());
        }
    }

    /// <summary>Whether a connection is all that there is of its session. Of one that can be resumed <see cref="SessionStanding"/> tells.</summary>
    private static bool IsWhole(Connection connection) => connection.Session is null;

    /// <returns>The channel of the set.</returns>
    private static string Leave(ConcurrentDictionary<string, MemberSet> sets, Membership membership, bool ended)
    {
        var set = membership.Set;
        if (set.Remove(membership, ended))
        {
            sets.TryRemove(new(set.Name, set));
        }

        return set.Channel;
    }

    private Membership Join(ConcurrentDictionary<string, MemberSet> sets, string name, Connection connection, string? channel)
    {
        while (true)
        {
            var set = sets.TryGetValue(name, out var known) ? known : sets.GetOrAdd(name, new MemberSet(name) { Channel = channel ?? GroupChannel(name) });
            if (set.Add(connection) is { } membership)
            {
                return membership;
            }

            sets.TryRemove(new(name, set)); // it has ended, and whoever ended it may not have come to that yet
        }
    }

    private void JoinLocked(Connection connection, string group, string? channel)
    {
        connection.Groups.Add(Join(_groups, group, connection, channel));
        if (IsWhole(connection))
        {
            Presence?.AddToGroup(connection.UserId, group);
        }
    }

    /// <summary>Says what changed, and leaves it to the store whether it needs the session as a whole: made here, a join would cost as much as there are groups.</summary>
    private SessionChange GroupChange(SessionChangeKind kind, Connection connection, string group) =>
        new(kind, Name, connection.Id, group, static source => ((Connection)source).Registry!.ReadSession((Connection)source), connection); // it is in this hub

    private Session ReadSession(Connection connection)
    {
        lock (connection.Joins)
        {
            return SessionLocked(connection, connection.Groups.Names()); // without groups if it has ended; its end is written next
        }
    }

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
