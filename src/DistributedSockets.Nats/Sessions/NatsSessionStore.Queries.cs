using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Answers questions from the records of nodes whose lease is live.</summary>
internal sealed partial class NatsSessionStore
{
    // How many records are read at once, and listed before more are read.
    private const int PageSize = 256;

    // From this many users on, a server that looks at every key for each question is asked for the keys of all users instead.
    private const int FewUsers = 8;

    // Since this version the server finds keys without looking at all of them.
    private static readonly Version SearchingServer = new(2, 10, 12);

    public async ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(connectionId);
        var dot = connectionId.LastIndexOf('.');
        if (dot < 1)
        {
            return dot < 0 ? await RunAsync(() => FindAtAnyAsync(hub, connectionId, cancellationToken), cancellationToken).ConfigureAwait(false) : null;
        }

        var nodeId = connectionId[..dot];
        var node = NatsKeyToken.Encode(nodeId);
        return await RunAsync(
            async () =>
            {
                var reading = ReadAsync(_keys.Session(node, NatsKeyToken.Encode(hub), NatsSessionKeys.Connection(nodeId, connectionId)), cancellationToken);
                reading.Observe();
                var live = await LiveNodesAsync(nodeId, cancellationToken).ConfigureAwait(false);
                var session = (await reading.ConfigureAwait(false))?.Session;
                return live.Count > 0 && session?.ConnectionId == connectionId && session.Hub == hub ? session : null;
            },
            cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Finds a session whose id names no node, as that changes: it is looked for at all live nodes at once.</summary>
    private async Task<Session?> FindAtAnyAsync(string hub, string connectionId, CancellationToken cancellationToken)
    {
        var nodes = await LiveNodesAsync(null, cancellationToken).ConfigureAwait(false);
        var found = await Task.WhenAll(nodes.Select(node => ReadAsync(
            _keys.Session(node.Key, NatsKeyToken.Encode(hub), NatsSessionKeys.Connection(node.Value.NodeId, connectionId)), cancellationToken))).ConfigureAwait(false);
        return found.Select(static record => record?.Session).FirstOrDefault(session => session?.ConnectionId == connectionId && session.Hub == hub);
    }

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return ListCoreAsync(query, cancellationToken);
    }

    public async ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return await RunAsync(
            async () =>
            {
                var nodes = await LiveNodesAsync(query.NodeId, cancellationToken).ConfigureAwait(false);
                var count = 0L;
                if (query is { UserId: not null, Group: not null })
                {
                    var keys = await ListIndexAsync(IndexOf(query)!, nodes, cancellationToken).ConfigureAwait(false);
                    return (await InGroupAsync(keys, query.Group, cancellationToken).ConfigureAwait(false)).Count;
                }

                if (IndexOf(query) is { } index)
                {
                    await foreach (var page in _sessions.ListAsync(index, cancellationToken).ConfigureAwait(false))
                    {
                        count += page.Count(key => NodeOfIndex(key) is { } node && nodes.ContainsKey(node));
                    }

                    return count;
                }

                await ForEachAsync(nodes.Keys, CountNodeAsync, cancellationToken).ConfigureAwait(false);
                return count;

                async Task CountNodeAsync(string node) => Interlocked.Add(
                    ref count, await _sessions.CountAsync(_keys.SessionsOf(node, HubOf(query)), cancellationToken).ConfigureAwait(false));
            },
            cancellationToken).ConfigureAwait(false);
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

        var hubToken = NatsKeyToken.Encode(hub);
        string[] users = [.. userIds.Select(NatsKeyToken.Encode)];
        var distinct = users.ToHashSet(StringComparer.Ordinal);
        return await RunAsync<IReadOnlyList<bool>>(
            async () =>
            {
                var nodes = await LiveNodesAsync(null, cancellationToken).ConfigureAwait(false);
                var online = new HashSet<string>(StringComparer.Ordinal);
                if (nodes.Count > 0)
                {
                    IEnumerable<string> filters = distinct.Count > FewUsers && !SearchesKeys()
                        ? [_keys.ConnectionsOfUsers(hubToken)]
                        : distinct.Select(user => _keys.ConnectionsOfUser(hubToken, user));
                    await ForEachAsync(filters, filter => AddOnlineAsync(filter, nodes, online), cancellationToken).ConfigureAwait(false);
                }

                return Array.ConvertAll(users, online.Contains);
            },
            cancellationToken).ConfigureAwait(false);

        async Task AddOnlineAsync(string filter, Dictionary<string, NodeInfo> nodes, HashSet<string> online)
        {
            await foreach (var page in _sessions.ListAsync(filter, cancellationToken).ConfigureAwait(false))
            {
                foreach (var key in page)
                {
                    if (_keys.TokensOfIndex(key) is { } tokens && nodes.ContainsKey(tokens[3]) && distinct.Contains(tokens[2]))
                    {
                        lock (online)
                        {
                            online.Add(tokens[2]);
                        }
                    }
                }
            }
        }
    }

    public async ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => await RunAsync<IReadOnlyList<NodeInfo>>(
        async () => [.. (await LiveNodesAsync(null, cancellationToken).ConfigureAwait(false)).Values], cancellationToken).ConfigureAwait(false);

    private static string? HubOf(SessionQuery query) => query.Hub is { } hub ? NatsKeyToken.Encode(hub) : null;

    /// <remarks>Of a record that does not hold all groups the index is believed: for a group, only what its index has is read.</remarks>
    private static bool Matches(SessionQuery query, Session session, bool hasMoreGroups) =>
        (query.Hub is null || session.Hub == query.Hub)
        && (query.UserId is null || session.UserId == query.UserId)
        && (query.Group is null || hasMoreGroups || session.Groups.Contains(query.Group, StringComparer.Ordinal));

    private bool SearchesKeys() =>
        Version.TryParse(_connector.Connection.ServerInfo?.Version.Split('-')[0], out var version) && version >= SearchingServer;

    /// <summary>What to list for a query of a user or a group; null for any other.</summary>
    private string? IndexOf(SessionQuery query) => query switch
    {
        { Hub: { } hub, UserId: { } user } => _keys.ConnectionsOfUser(NatsKeyToken.Encode(hub), NatsKeyToken.Encode(user)),
        { Hub: { } hub, Group: { } group } => _keys.ConnectionsOfGroup(NatsKeyToken.Encode(hub), NatsKeyToken.Encode(group)),
        _ => null,
    };

    private string? NodeOfIndex(string key) => _keys.TokensOfIndex(key)?[3];

    private async IAsyncEnumerable<Session> ListCoreAsync(SessionQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var nodes = await RunAsync(() => LiveNodesAsync(query.NodeId, cancellationToken), cancellationToken).ConfigureAwait(false);
        var index = IndexOf(query);
        var filters = index is not null ? [index] : nodes.Keys.Select(node => _keys.SessionsOf(node, HubOf(query)));
        var seen = new HashSet<string>(StringComparer.Ordinal); // a key may stand on two pages, as keys come and go between them
        foreach (var filter in filters)
        {
            var pages = _sessions.ListAsync(filter, cancellationToken).GetAsyncEnumerator(cancellationToken);
            await using (pages.ConfigureAwait(false))
            {
                while (await AskAsync(async () => await pages.MoveNextAsync().ConfigureAwait(false)).ConfigureAwait(false))
                {
                    var found = pages.Current;
                    if (query is { UserId: not null, Group: { } group })
                    {
                        found = await AskAsync(() => InGroupAsync(found, group, cancellationToken)).ConfigureAwait(false);
                    }

                    var keys = index is null ? found : found.Select(SessionOfIndex).OfType<string>();
                    foreach (var some in keys.Where(seen.Add).Chunk(PageSize))
                    {
                        foreach (var (session, hasMoreGroups) in await AskAsync(() => ReadAllAsync(some, cancellationToken)).ConfigureAwait(false))
                        {
                            if (Matches(query, session, hasMoreGroups))
                            {
                                yield return session;
                            }
                        }
                    }
                }
            }
        }

        string? SessionOfIndex(string key) =>
            _keys.TokensOfIndex(key) is [_, var hub, _, var node, var connection] && nodes.ContainsKey(node) ? _keys.Session(node, hub, connection) : null;

        async Task<T> AskAsync<T>(Func<Task<T>> question)
        {
            try
            {
                return await question().ConfigureAwait(false);
            }
            catch (BucketMissingException exception)
            {
                _created = false;
                throw new SessionStoreUnavailableException("The session store's buckets in JetStream went missing while they were read.", exception);
            }
            catch (SessionStoreUnavailableException)
            {
                _created = false;
                throw;
            }
        }
    }

    /// <summary>Of the keys of a user's connections, those of connections that are in a group too.</summary>
    private async Task<List<string>> InGroupAsync(ICollection<string> keys, string group, CancellationToken cancellationToken)
    {
        var token = NatsKeyToken.Encode(group);
        var asked = keys.Where(key => _keys.TokensOfIndex(key) is not null).ToList();
        var entries = asked.ConvertAll(key => _keys.TokensOfIndex(key) is [_, var hub, _, var node, var connection]
            ? _sessions.GetAsync(_keys.Group(hub, token, node, connection), cancellationToken)
            : Task.FromResult<JetStreamEntry?>(null));
        entries.ForEach(TaskObservation.Observe);
        await ForEachAsync(entries, static entry => entry, cancellationToken).ConfigureAwait(false);
        return [.. asked.Where((_, index) => entries[index].Result is not null)];
    }

    /// <summary>The keys of an index that lead to connections of live nodes.</summary>
    private async Task<List<string>> ListIndexAsync(string filter, Dictionary<string, NodeInfo> nodes, CancellationToken cancellationToken)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal); // a key may stand on two pages, as keys come and go between them
        await foreach (var page in _sessions.ListAsync(filter, cancellationToken).ConfigureAwait(false))
        {
            keys.UnionWith(page.Where(key => NodeOfIndex(key) is { } node && nodes.ContainsKey(node)));
        }

        return [.. keys];
    }

    private async Task<List<(Session Session, bool HasMoreGroups)>> ReadAllAsync(string[] keys, CancellationToken cancellationToken)
    {
        var reads = Array.ConvertAll(keys, key => ReadAsync(key, cancellationToken));
        Array.ForEach(reads, TaskObservation.Observe); // all are under way, and the first that fails ends the wait
        await ForEachAsync(reads, static read => read, cancellationToken).ConfigureAwait(false);
        return [.. reads.Select(static read => read.Result).OfType<(Session, bool)>()];
    }

    private async Task<(Session Session, bool HasMoreGroups)?> ReadAsync(string key, CancellationToken cancellationToken)
    {
        var entry = await _sessions.GetAsync(key, cancellationToken).ConfigureAwait(false);
        return entry is not null && Read(key, entry.Value, out var hasMoreGroups) is { } session ? (session, hasMoreGroups) : null;
    }

    private Session? Read(string key, byte[] value, out bool hasMoreGroups)
    {
        var session = NatsSessionRecord.Read(value, out hasMoreGroups);
        if (session is not null && key == _keys.Session(
            NatsKeyToken.Encode(session.NodeId), NatsKeyToken.Encode(session.Hub), NatsSessionKeys.Connection(session.NodeId, session.ConnectionId)))
        {
            return session;
        }

        if (_unreadableSessions.TryPass(out var held))
        {
            Log.UnreadableSession(_logger, InLog(key), held);
        }

        return null;
    }

    /// <summary>The nodes whose lease is live, by token: all, or the one if it is.</summary>
    private async Task<Dictionary<string, NodeInfo>> LiveNodesAsync(string? nodeId, CancellationToken cancellationToken)
    {
        var leases = await LeasesAsync(nodeId, cancellationToken).ConfigureAwait(false);
        await LookAtClockAsync(_clock.IsOld, cancellationToken).ConfigureAwait(false);
        var now = _clock.Now;
        return leases.Where(lease => lease.IsLive(now)).ToDictionary(
            static lease => lease.Token,
            static lease => new NodeInfo
            {
                NodeId = lease.Record.NodeId,
                Name = lease.Record.Name,
                StartedAt = lease.Record.StartedAt,
                Routing = lease.Record.Routing,
                Backplane = lease.Record.Backplane,
                Sealing = lease.Record.Sealing,
                Version = lease.Record.Version,
                AppVersion = lease.Record.AppVersion,
                Figures = lease.Record.Figures,
                Presence = lease.Record.Presence,
                Log = lease.Record.Log,
            },
            StringComparer.Ordinal);
    }

    private async Task LookAtClockAsync(bool needed, CancellationToken cancellationToken)
    {
        if (needed)
        {
            await _nodes.PutAsync(_keys.Clock, [], null, cancellationToken).ConfigureAwait(false);
            if (await _nodes.GetLatestAsync(_keys.Clock, cancellationToken).ConfigureAwait(false) is { } tick)
            {
                _clock.Set(tick.Time);
            }
        }
    }

    private async Task<List<Lease>> LeasesAsync(string? nodeId, CancellationToken cancellationToken)
    {
        List<string> keys = [];
        if (nodeId is not null)
        {
            keys.Add(_keys.Lease(NatsKeyToken.Encode(nodeId)));
        }
        else
        {
            await foreach (var page in _nodes.ListAsync(_keys.AllLeases, cancellationToken).ConfigureAwait(false))
            {
                keys.AddRange(page);
            }
        }

        var entries = keys.ConvertAll(key => _nodes.GetLatestAsync(key, cancellationToken));
        entries.ForEach(TaskObservation.Observe);
        await ForEachAsync(entries, static entry => entry, cancellationToken).ConfigureAwait(false);
        var leases = new List<Lease>();
        for (var i = 0; i < keys.Count; i++)
        {
            if (entries[i].Result is not { } entry)
            {
                continue; // gone since
            }

            var token = _keys.NodeOfLease(keys[i]);
            if (NatsLeaseRecord.Read(entry.Value) is { } record && NatsKeyToken.Encode(record.NodeId) == token)
            {
                leases.Add(new(token, record, entry.Sequence, entry.Time));
            }
            else if (_unreadableNodes.TryPass(out var held))
            {
                Log.UnreadableNode(_logger, InLog(keys[i]), held);
            }
        }

        return leases;
    }

    private sealed record Lease(string Token, NatsLeaseRecord Record, ulong Sequence, DateTimeOffset RenewedAt)
    {
        public bool IsLive(DateTimeOffset now) => !Record.IsLost && now - RenewedAt <= TimeSpan.FromMilliseconds(Record.Duration);
    }
}
