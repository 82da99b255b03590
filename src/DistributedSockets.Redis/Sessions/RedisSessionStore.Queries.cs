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
        if (dot < 1 || !RedisSessionKeys.IsPlain(connectionId[..dot]))
        {
            return null;
        }

        var keys = KeysOf(connectionId[..dot]);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var live = ExchangeAsync(() => database.KeyExistsAsync(keys.Lease), cancellationToken);
        TaskFailures.Observe(live);
        var sessions = keys.Sessions(hub);
        var record = await AskAsync(
            sessions, () => database.HashGetAsync(sessions, connectionId), RedisValue.Null, cancellationToken).ConfigureAwait(false);
        return await live.ConfigureAwait(false) && record.HasValue ? Read(keys.NodeId, hub, connectionId, record) : null;
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
                var count = IndexOf(query, keys, hub) is { } index
                    ? AskAsync(index, () => database.SetLengthAsync(index), 0, cancellationToken)
                    : AskAsync(keys.Sessions(hub), () => database.HashLengthAsync(keys.Sessions(hub)), 0, cancellationToken);
                TaskFailures.Observe(count); // the next node may fail before this one is waited for
                counts.Add(count);
            }
        }

        return (await Task.WhenAll(counts).ConfigureAwait(false)).Sum();
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
            // Asked of all nodes at once, as most of them have no connection of the user or group.
            var sizes = await Task.WhenAll(nodes.ConvertAll(keys => IndexOf(query, keys, known)!.Value).Select(
                index => AskAsync(index, () => database.SetLengthAsync(index), 0, cancellationToken))).ConfigureAwait(false);
            nodes = [.. nodes.Where((_, index) => sizes[index] > 0)];
        }

        foreach (var keys in nodes)
        {
            IEnumerable<string> hubs = query.Hub is { } one ? [one] : await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false);
            foreach (var hub in hubs)
            {
                var seen = new HashSet<string>(StringComparer.Ordinal);
                await foreach (var page in RecordsAsync(database, query, keys, hub, cancellationToken).ConfigureAwait(false))
                {
                    foreach (var (connectionId, record) in page)
                    {
                        if (seen.Add(connectionId) && Read(keys.NodeId, hub, connectionId, record) is { } session && Matches(query, session))
                        {
                            yield return session;
                        }
                    }
                }
            }
        }
    }

    private async IAsyncEnumerable<IEnumerable<(string ConnectionId, RedisValue Record)>> RecordsAsync(
        IDatabase database, SessionQuery query, RedisSessionKeys keys, string hub, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (IndexOf(query, keys, hub) is not { } index)
        {
            await foreach (var page in ScanAsync(database, "HSCAN", keys.Sessions(hub), cancellationToken).ConfigureAwait(false))
            {
                yield return page.Chunk(2).Where(pair => pair.Length == 2).Select(pair => ((string)pair[0]!, pair[1]));
            }

            yield break;
        }

        await foreach (var page in ScanAsync(database, "SSCAN", index, cancellationToken).ConfigureAwait(false))
        {
            var records = await AskAsync(
                keys.Sessions(hub), () => database.HashGetAsync(keys.Sessions(hub), page), [], cancellationToken).ConfigureAwait(false);

            // A session that ended meanwhile has no record any more.
            yield return page.Zip(records).Where(pair => pair.Second.HasValue).Select(pair => ((string)pair.First!, pair.Second));
        }
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

    private Session? Read(string nodeId, string hub, RedisValue connectionId, RedisValue value, bool log = true)
    {
        var session = RedisSessionRecord.Read(nodeId, hub, connectionId!, value);
        if (session is null && log && _unreadableSessions.TryPass(out var held))
        {
            Log.UnreadableSession(_logger, InLog(hub), InLog(connectionId!), held);
        }

        return session;
    }
}
