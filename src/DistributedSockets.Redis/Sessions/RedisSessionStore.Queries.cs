using System.Runtime.CompilerServices;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Answers questions from the records of nodes whose lease is live.</summary>
internal sealed partial class RedisSessionStore
{
    public async ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(connectionId);
        var dot = connectionId.LastIndexOf('.');
        if (dot < 0)
        {
            return await FindAtAnyAsync(hub, connectionId, cancellationToken).ConfigureAwait(false);
        }

        if (dot < 1 || !RedisSessionKeys.IsPlain(connectionId[..dot]))
        {
            return null;
        }

        var keys = KeysOf(connectionId[..dot]);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var live = ExchangeAsync(() => database.KeyExistsAsync(keys.Lease), cancellationToken);
        live.Observe();
        var found = await ReadAsync(database, keys, hub, [connectionId], log: true, cancellationToken).ConfigureAwait(false);
        return await live.ConfigureAwait(false) ? found.FirstOrDefault() : null;
    }

    /// <summary>Finds a session whose id names no node, as that changes: all live nodes are asked at once.</summary>
    private async Task<Session?> FindAtAnyAsync(string hub, string connectionId, CancellationToken cancellationToken)
    {
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var nodes = await LiveNodesAsync(database, query: null, cancellationToken).ConfigureAwait(false);
        var found = await Task.WhenAll(nodes.Select(keys => ReadAsync(database, keys, hub, [connectionId], log: true, cancellationToken))).ConfigureAwait(false);
        return found.SelectMany(static sessions => sessions).FirstOrDefault();
    }

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return ListCoreAsync(query, cancellationToken);
    }

    public async ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var counts = new List<Task<long>>();
        foreach (var keys in await LiveNodesAsync(database, query, cancellationToken).ConfigureAwait(false))
        {
            IEnumerable<string> hubs = query.Hub is { } one ? [one] : await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false);
            foreach (var hub in hubs)
            {
                var count = (query, IndexOf(query, keys, hub)) switch
                {
                    ({ UserId: { } user, Group: { } group }, _) => CountBothAsync(keys.User(hub, user), keys.Group(hub, group)),
                    (_, { } index) => AskAsync(index, () => database.SortedSetLengthAsync(index), 0, cancellationToken),
                    _ => AskAsync(keys.Sessions(hub), () => database.HashLengthAsync(keys.Sessions(hub)), 0, cancellationToken),
                };
                count.Observe(); // the next node may fail before this one is waited for
                counts.Add(count);
            }
        }

        return (await Task.WhenAll(counts).ConfigureAwait(false)).Sum();

        Task<long> CountBothAsync(RedisKey user, RedisKey group) => AskAsync(
            group, async () => (long)await database.ScriptEvaluateAsync(RedisSessionScripts.CountBoth, [user, group]).ConfigureAwait(false), 0, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<bool>> AreOnlineAsync(
        string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(userIds);
        if (userIds.Count == 0)
        {
            return [];
        }

        RedisValue[] users = [.. userIds.Select(user => (RedisValue)user)];
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var nodes = await LiveNodesAsync(database, query: null, cancellationToken).ConfigureAwait(false);
        var answers = await Task.WhenAll(nodes.Select(
            keys => AskAsync(keys.Users(hub), () => database.HashGetAsync(keys.Users(hub), users), [], cancellationToken))).ConfigureAwait(false);
        var online = new bool[users.Length];
        foreach (var counts in answers)
        {
            for (var i = 0; i < counts.Length; i++)
            {
                online[i] |= counts[i].HasValue;
            }
        }

        return online;
    }

    public async ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default)
    {
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var nodes = new List<NodeInfo>();
        foreach (var (keys, record) in await NodesAsync(database, live: true, cancellationToken).ConfigureAwait(false))
        {
            if (RedisNodeRecord.Read(keys.NodeId, record) is { } node)
            {
                nodes.Add(node);
            }
            else if (_unreadableNodes.TryPass(out var held))
            {
                Log.UnreadableNode(_logger, InLog(keys.NodeId), held);
            }
        }

        return nodes;
    }

    private static RedisKey? IndexOf(SessionQuery query, RedisSessionKeys keys, string hub) => query switch
    {
        { UserId: { } user } => keys.User(hub, user),
        { Group: { } group } => keys.Group(hub, group),
        _ => (RedisKey?)null,
    };

    private static bool Matches(SessionQuery query, Session session) =>
        (query.UserId is null || session.UserId == query.UserId)
        && (query.Group is null || session.Groups.Contains(query.Group, StringComparer.Ordinal));

    private async IAsyncEnumerable<Session> ListCoreAsync(SessionQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var nodes = await LiveNodesAsync(database, query, cancellationToken).ConfigureAwait(false);
        if (query.Hub is { } known && (query.UserId ?? query.Group) is not null)
        {
            nodes = await WithMembersAsync(database, query, known, nodes, cancellationToken).ConfigureAwait(false);
        }

        foreach (var keys in nodes)
        {
            IEnumerable<string> hubs = query.Hub is { } one ? [one] : await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false);
            foreach (var hub in hubs)
            {
                var seen = new HashSet<RedisValue>();
                await foreach (var page in ConnectionsAsync(database, keys, hub, IndexOf(query, keys, hub), cancellationToken).ConfigureAwait(false))
                {
                    RedisValue[] connections = [.. page.Where(seen.Add)];
                    foreach (var session in await ReadAsync(database, keys, hub, connections, log: true, cancellationToken).ConfigureAwait(false))
                    {
                        if (Matches(query, session))
                        {
                            yield return session;
                        }
                    }
                }
            }
        }
    }

    /// <summary>The nodes that have connections of a query's user or group: asked of all at once, as most have none.</summary>
    private async Task<List<RedisSessionKeys>> WithMembersAsync(
        IDatabase database, SessionQuery query, string hub, List<RedisSessionKeys> nodes, CancellationToken cancellationToken)
    {
        var sizes = await Task.WhenAll(nodes.ConvertAll(keys => IndexOf(query, keys, hub)!.Value).Select(
            index => AskAsync(index, () => database.SortedSetLengthAsync(index), 0, cancellationToken))).ConfigureAwait(false);
        return [.. nodes.Where((_, index) => sizes[index] > 0)];
    }

    /// <summary>Reads sessions as a whole, without those that have ended or cannot be read.</summary>
    private async Task<List<Session>> ReadAsync(
        IDatabase database, RedisSessionKeys keys, string hub, RedisValue[] connections, bool log, CancellationToken cancellationToken)
    {
        if (connections.Length == 0)
        {
            return [];
        }

        var found = await AskAsync(
            keys.Sessions(hub),
            async () => (RedisResult[]?)await database.ScriptEvaluateAsync(
                RedisSessionScripts.Read, KeysFor(keys, hub, connections), connections).ConfigureAwait(false),
            [],
            cancellationToken).ConfigureAwait(false) ?? [];
        var sessions = new List<Session>();
        foreach (var fields in found.Chunk(3))
        {
            if (Read(keys, hub, (RedisValue)fields[0], (RedisValue)fields[1], fields[2].IsNull ? null : (RedisValue[]?)fields[2], log) is { } session)
            {
                sessions.Add(session);
            }
        }

        return sessions;
    }

    private async Task<List<RedisSessionKeys>> LiveNodesAsync(IDatabase database, SessionQuery? query, CancellationToken cancellationToken)
    {
        if (query?.NodeId is not { } nodeId)
        {
            var nodes = await NodesAsync(database, live: true, cancellationToken).ConfigureAwait(false);
            return nodes.ConvertAll(node => node.Keys);
        }

        if (!RedisSessionKeys.IsPlain(nodeId))
        {
            return [];
        }

        var keys = KeysOf(nodeId);
        return await ExchangeAsync(() => database.KeyExistsAsync(keys.Lease), cancellationToken).ConfigureAwait(false) ? [keys] : [];
    }

    private async Task<List<(RedisSessionKeys Keys, RedisValue Record)>> NodesAsync(
        IDatabase database, bool live, CancellationToken cancellationToken)
    {
        var entries = await ExchangeAsync(() => database.HashGetAllAsync(_nodes), cancellationToken).ConfigureAwait(false);
        var nodes = entries.Where(entry => RedisSessionKeys.IsPlain(entry.Name))
            .Select(entry => (Keys: KeysOf(entry.Name!), Record: entry.Value)).ToList();
        var leases = await Task.WhenAll(nodes.Select(
            node => ExchangeAsync(() => database.KeyExistsAsync(node.Keys.Lease), cancellationToken))).ConfigureAwait(false);
        return [.. nodes.Where((_, index) => leases[index] == live)];
    }

    private Session? Read(RedisSessionKeys keys, string hub, RedisValue connectionId, RedisValue record, RedisValue[]? groups, bool log = true)
    {
        if (groups is null)
        {
            LogForeign(keys.GroupsOf(hub, connectionId!));
        }

        var session = RedisSessionRecord.Read(keys.NodeId, hub, connectionId!, record, Array.ConvertAll(groups ?? [], static group => (string)group!));
        if (session is null && log && _unreadableSessions.TryPass(out var held))
        {
            Log.UnreadableSession(_logger, InLog(hub), InLog(connectionId!), held);
        }

        return session;
    }
}
