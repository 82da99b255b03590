using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Redis as the directory of the cluster. <see cref="RedisSessionKeys"/> has the layout.</summary>
/// <remarks>
/// What stands in Redis is not trusted: a record that cannot be read is skipped, and so is a key that holds something else than
/// ours; both are logged once in a while. A node deletes what stands in the place of its own keys. The operation timeout bounds each
/// exchange, not a whole member, so that a large commit is not doomed while it makes progress.
/// </remarks>
internal sealed partial class RedisSessionStore : ISessionStore
{
    private const int PageSize = 250;
    private const int ScriptsInFlight = 16;

    private static readonly RedisValue Provisional = 0;

    private readonly ConcurrentDictionary<string, (RedisValue Record, TimeSpan Expiry, RedisWrites Writes, RedisShares Shares)> _ownNodes = new(StringComparer.Ordinal);
    private readonly RedisConnection _connection;
    private readonly string _prefix;
    private readonly RedisKey _nodes;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly RareLog _unreadableSessions;
    private readonly RareLog _unreadableNodes;
    private readonly RareLog _foreignKeys;
    private readonly RareLog _deletedKeys;
    private readonly RareLog _forgottenNodes;
    private readonly RareLog _lateSizes;

    public RedisSessionStore(
        IOptions<RedisSessionStoreOptions> options,
        IOptions<DistributedWebSocketsClusterOptions> clusterOptions,
        TimeProvider time,
        ILogger<RedisSessionStore>? logger = null)
    {
        _timeout = options.Value.OperationTimeout;
        _time = time;
        _logger = new FailSafeLogger(logger ?? NullLogger<RedisSessionStore>.Instance);
        _unreadableSessions = new(1, time);
        _unreadableNodes = new(1, time);
        _foreignKeys = new(1, time);
        _deletedKeys = new(1, time);
        _forgottenNodes = new(16, time);
        _lateSizes = new(1, time);
        _prefix = clusterOptions.Value.Prefix;
        _nodes = RedisSessionKeys.Nodes(_prefix);
        _connection = new RedisConnection(options.Value, time);
    }

    public async ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(node);
        var keys = KeysOf(node.NodeId);
        var record = RedisNodeRecord.Write(node);
        var (_, _, writes, shares) = _ownNodes.AddOrUpdate(
            node.NodeId,
            _ => (record, expiry, new RedisWrites(_time.GetUtcNow().UtcTicks), new RedisShares(_time.GetUtcNow().UtcTicks)),
            (_, known) => (record, expiry, known.Writes, known.Shares));
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var listed = InPlaceAsync(_nodes, "hash", () => database.HashSetAsync(_nodes, node.NodeId, record));
        listed.Observe();
        var milliseconds = Math.Max(1, (long)expiry.TotalMilliseconds);
        var renewed = (RedisResult[]?)await InPlaceAsync(
            keys.Lease,
            "string",
            () => writes.SendLast((number, confirmed) => database.ScriptEvaluateAsync(
                RedisSessionScripts.Renew, [keys.Lease, keys.Hubs], [confirmed, number, milliseconds]))).ConfigureAwait(false);
        if (renewed is not [var held, var end, var hubs])
        {
            throw new SessionStoreUnavailableException("Redis answered something that cannot be read.");
        }

        if (!(bool)held)
        {
            // Until this answer the lease itself says so, in case that it is lost.
            writes.Lose();
            await ExchangeAsync(
                () => writes.SendLast((number, _) => database.StringSetAsync(keys.Lease, number, expiry: null, keepTtl: true, When.Exists)), cancellationToken).ConfigureAwait(false);
        }

        await KeepSharesAsync(database, keys, shares, writes, [.. ((RedisValue[]?)hubs ?? []).Select(static hub => (string)hub!)], (RedisValue)end, cancellationToken).ConfigureAwait(false);
        if (shares.GetDue().Count > 0)
        {
            try
            {
                await ShareIfPossibleAsync(database, keys, shares, isOwn: true, writes, cancellationToken).ConfigureAwait(false);
            }
            catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
            {
                // The next commit puts it right, and a lease must not run out because of it.
            }
        }

        await listed.ConfigureAwait(false);
        return !writes.TakeLoss();

        async Task<T> InPlaceAsync<T>(RedisKey key, string type, Func<Task<T>> write)
        {
            try
            {
                return await ExchangeAsync(write, cancellationToken).ConfigureAwait(false);
            }
            catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
            {
                await DiscardForeignAsync(database, [(key, type)], cancellationToken).ConfigureAwait(false);
                return await ExchangeAsync(write, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    public async ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        var keys = KeysOf(nodeId);

        // The lease goes last: without it, another node would report the sessions as those of a lost node.
        await ForgetSessionsAsync(keys, cancellationToken).ConfigureAwait(false);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        await ExchangeAsync(() => database.KeyDeleteAsync(keys.Lease), cancellationToken).ConfigureAwait(false);
        await ExchangeAsync(() => database.HashDeleteAsync(_nodes, nodeId), cancellationToken).ConfigureAwait(false);
        _ownNodes.TryRemove(nodeId, out _);
    }

    public async ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(changes);
        var keys = KeysOf(nodeId);
        if (changes.Count == 0)
        {
            return;
        }

        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await CommitAsync(database, keys, changes, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
        {
            await MakeRoomAsync(database, keys, changes, cancellationToken).ConfigureAwait(false);
            throw; // and when the caller tries again, it succeeds
        }
    }

    public async ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default) =>
        await ForgetSessionsAsync(KeysOf(nodeId), cancellationToken).ConfigureAwait(false);

    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    private async Task CommitAsync(
        IDatabase database, RedisSessionKeys keys, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken)
    {
        // A node whose lease is gone, as after a flush, may have been forgotten. Unlisted, its sessions would stay for ever if it
        // died now; listed without a lease, they would be claimed although it lives. So it gets a lease until it renews its own,
        // and the renewal still tells that it was taken anew.
        var isOwn = _ownNodes.TryGetValue(keys.NodeId, out var own);
        var shares = isOwn ? own.Shares : new RedisShares(first: 0);
        var updates = RedisSessionUpdate.From(changes);
        shares.Touch(updates); // before anything is sent: should the answers be lost, the sizes are written with the next commit
        var leased = isOwn
            ? ExchangeAsync(() => database.StringSetAsync(keys.Lease, Provisional, own.Expiry, When.NotExists), cancellationToken)
            : Task.FromResult(false);
        var listed = ExchangeAsync(() => database.HashSetAsync(_nodes, keys.NodeId, isOwn ? own.Record : "{}", When.NotExists), cancellationToken);
        leased.Observe();
        listed.Observe();
        var inFlight = new Queue<(long Number, Task<RedisResult> Script)>();
        foreach (var call in RedisApplyCall.From(keys, updates))
        {
            if (inFlight.Count == ScriptsInFlight)
            {
                await EndOneAsync().ConfigureAwait(false);
            }

            inFlight.Enqueue(isOwn
                ? own.Writes.SendNext((number, confirmed) => call.Send(database, number, confirmed))
                : (0, call.Send(database, RedisValue.EmptyString, RedisValue.EmptyString)));
        }

        while (inFlight.Count > 0)
        {
            await EndOneAsync().ConfigureAwait(false);
        }

        await leased.ConfigureAwait(false);
        await listed.ConfigureAwait(false);
        shares.Touch(updates); // once more, as a renewal may have written the sizes from before
        await ShareIfPossibleAsync(database, keys, shares, isOwn, own.Writes, cancellationToken).ConfigureAwait(false);

        async Task EndOneAsync()
        {
            var (number, script) = inFlight.Dequeue();
            await ExchangeAsync(() => script, cancellationToken).ConfigureAwait(false);
            if (isOwn)
            {
                own.Writes.Confirmed = number;
            }
        }
    }

    private async Task ForgetSessionsAsync(RedisSessionKeys keys, CancellationToken cancellationToken)
    {
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        var hubs = await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false);
        var shares = _ownNodes.TryGetValue(keys.NodeId, out var own) ? own.Shares : null;
        foreach (var hub in hubs.Union(shares?.Hubs ?? [], StringComparer.Ordinal))
        {
            shares?.Forget(hub); // first, so that a renewal in between does not miss what is taken back
            await DropShareAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
        }

        foreach (var hub in hubs)
        {
            // The two lists of indexes go last, so that an attempt that was cut off can be repeated. A session goes with its groups.
            await foreach (var connections in ConnectionsAsync(database, keys, hub, index: null, cancellationToken).ConfigureAwait(false))
            {
                await ExchangeAsync(
                    () => database.ScriptEvaluateAsync(RedisSessionScripts.Forget, KeysFor(keys, hub, connections), connections), cancellationToken).ConfigureAwait(false);
            }

            await ForgetLostSessionsAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
            await ExchangeAsync(() => database.KeyDeleteAsync([keys.Sessions(hub), keys.Connections(hub)]), cancellationToken).ConfigureAwait(false);
            await foreach (var indexes in IndexKeysAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
            {
                await ExchangeAsync(() => database.KeyDeleteAsync(indexes), cancellationToken).ConfigureAwait(false);
            }

            await ExchangeAsync(() => database.KeyDeleteAsync([keys.Users(hub), keys.Groups(hub)]), cancellationToken).ConfigureAwait(false);
        }

        await ExchangeAsync(() => database.KeyDeleteAsync(keys.Hubs), cancellationToken).ConfigureAwait(false);
    }

    private async Task<List<string>> HubsAsync(IDatabase database, RedisSessionKeys keys, CancellationToken cancellationToken)
    {
        var hubs = await AskAsync(keys.Hubs, () => database.SetMembersAsync(keys.Hubs), [], cancellationToken).ConfigureAwait(false);
        return [.. hubs.Select(hub => (string)hub!).Where(RedisSessionKeys.IsPlain)];
    }

    /// <summary>The keys of the user and group indexes of a hub, in pages.</summary>
    private async IAsyncEnumerable<RedisKey[]> IndexKeysAsync(
        IDatabase database, RedisSessionKeys keys, string hub, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in ScanAsync(database, "HSCAN", keys.Users(hub), cancellationToken).ConfigureAwait(false))
        {
            yield return [.. page.Where((_, index) => index % 2 == 0).Select(user => keys.User(hub, user!))];
        }

        await foreach (var page in ScanAsync(database, "HSCAN", keys.Groups(hub), cancellationToken).ConfigureAwait(false))
        {
            yield return [.. page.Where((_, index) => index % 2 == 0).Select(group => keys.Group(hub, group!))];
        }
    }

    /// <summary>The connections of a user or group, or all of a hub, in pages. One may come twice.</summary>
    private async IAsyncEnumerable<RedisValue[]> ConnectionsAsync(
        IDatabase database, RedisSessionKeys keys, string hub, RedisKey? index, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        if (index is { } set)
        {
            await foreach (var page in ByNameAsync(database, set, after: null, PageSize, cancellationToken).ConfigureAwait(false))
            {
                yield return page;
            }

            yield break;
        }

        await foreach (var page in ScanAsync(database, "HSCAN", keys.Sessions(hub), cancellationToken).ConfigureAwait(false))
        {
            yield return [.. page.Where((_, position) => position % 2 == 0)];
        }
    }

    /// <summary>The members of a sorted set by name, in pages.</summary>
    private async IAsyncEnumerable<RedisValue[]> ByNameAsync(
        IDatabase database, RedisKey key, string? after, int pageSize, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (RedisValue from = after is null ? "-" : "(" + after; ;)
        {
            var start = from;
            var page = await AskAsync(
                key,
                async () => (RedisValue[]?)await database.ExecuteAsync("ZRANGEBYLEX", key, start, "+", "LIMIT", 0, pageSize).ConfigureAwait(false),
                null,
                cancellationToken).ConfigureAwait(false) ?? [];
            if (page.Length > 0)
            {
                yield return page;
            }

            if (page.Length < pageSize)
            {
                yield break;
            }

            from = "(" + (string)page[^1]!;
        }
    }

    /// <summary>The sets of groups of the connections that the group sets of a hub name: what is left of sessions whose records are gone.</summary>
    private async IAsyncEnumerable<RedisKey[]> GroupsOfMembersAsync(
        IDatabase database, RedisSessionKeys keys, string hub, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await foreach (var page in ScanAsync(database, "HSCAN", keys.Groups(hub), cancellationToken).ConfigureAwait(false))
        {
            foreach (var group in page.Where((_, position) => position % 2 == 0))
            {
                await foreach (var members in ByNameAsync(database, keys.Group(hub, group!), after: null, PageSize, cancellationToken).ConfigureAwait(false))
                {
                    yield return Array.ConvertAll(members, member => keys.GroupsOf(hub, member!));
                }
            }
        }
    }

    /// <summary>The keys of a script about connections of a hub: the sessions, then the groups of each.</summary>
    private static RedisKey[] KeysFor(RedisSessionKeys keys, string hub, RedisValue[] connections) =>
        [keys.Sessions(hub), .. connections.Select(connection => keys.GroupsOf(hub, connection!))];

    /// <summary>Reads a hash in pages that are not empty. An element may come twice.</summary>
    private async IAsyncEnumerable<RedisValue[]> ScanAsync(
        IDatabase database, string command, RedisKey key, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var cursor = "0";
        do
        {
            var reply = await AskAsync(
                key,
                async () => (RedisResult[]?)await database.ExecuteAsync(command, key, cursor, "COUNT", PageSize).ConfigureAwait(false),
                null,
                cancellationToken).ConfigureAwait(false);
            cursor = (string?)reply?[0] ?? "0";
            if ((RedisValue[]?)reply?[1] is { Length: > 0 } page)
            {
                yield return page;
            }
        }
        while (cursor != "0");
    }

    private RedisSessionKeys KeysOf(string nodeId) => new(_prefix, nodeId);

    private async Task<IDatabase> DatabaseAsync(CancellationToken cancellationToken)
    {
        var multiplexer = await ExchangeAsync(_connection.GetAsync, cancellationToken).ConfigureAwait(false);
        if (multiplexer.IsConnected)
        {
            return multiplexer.GetDatabase();
        }

        var cause = await _connection.WhyDisconnectedAsync(multiplexer).ConfigureAwait(false);
        throw new SessionStoreUnavailableException(
            $"Redis is not connected. {cause?.GetBaseException().Message} Check that it is up and that address and password are right; the session store reconnects by itself.",
            cause);
    }

    private async Task<T> ExchangeAsync<T>(Func<Task<T>> exchange, CancellationToken cancellationToken)
    {
        try
        {
            return await exchange().WithinAsync(_timeout, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (RedisErrors.IsOutage(exception, cancellationToken))
        {
            var cause = RedisErrors.WithoutArguments(exception);
            throw new SessionStoreUnavailableException(
                cause is RedisServerException
                    ? $"Redis refused what the session store asked: {cause.Message}"
                    : $"Redis did not do what the session store asked within {_timeout}: {cause.Message} Check that it is up and not overloaded.",
                cause);
        }
    }
}
