using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Takes over the sessions of nodes that are gone.</summary>
internal sealed partial class RedisSessionStore
{
    public async ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(
        string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(claimantNodeId);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        var claimed = new List<Session>();
        try
        {
            var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
            foreach (var (keys, record) in await NodesAsync(database, live: false, cancellationToken).ConfigureAwait(false))
            {
                if (keys.NodeId != claimantNodeId
                    && await ClaimNodeAsync(database, keys, maxSessions, claimed, cancellationToken).ConfigureAwait(false))
                {
                    await ForgetNodeAsync(database, keys, record, cancellationToken).ConfigureAwait(false);
                }

                if (claimed.Count >= maxSessions)
                {
                    break;
                }
            }
        }
        catch (Exception exception) when (claimed.Count > 0 && exception is (SessionStoreUnavailableException or OperationCanceledException))
        {
            // What is claimed is gone from Redis: only this caller can report it, so it comes before the failure.
        }

        return claimed;
    }

    /// <returns>Whether nothing of the node is left.</returns>
    private async Task<bool> ClaimNodeAsync(
        IDatabase database, RedisSessionKeys keys, int maxSessions, List<Session> claimed, CancellationToken cancellationToken)
    {
        foreach (var hub in await HubsAsync(database, keys, cancellationToken).ConfigureAwait(false))
        {
            while (true)
            {
                var wanted = Math.Min(maxSessions - claimed.Count, PageSize);
                if (wanted == 0)
                {
                    return false;
                }

                // At random, so that two claimants rarely ask for the same ones.
                var connections = await AskAsync(
                    keys.Sessions(hub), () => database.HashRandomFieldsAsync(keys.Sessions(hub), wanted), [], cancellationToken).ConfigureAwait(false);
                if (connections.Length == 0)
                {
                    break;
                }

                if (!await ClaimAsync(database, keys, hub, connections, claimed, cancellationToken).ConfigureAwait(false))
                {
                    return false; // another claimant is at it, or the node has come back
                }
            }

            if (!await PurgeAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
            {
                return false;
            }
        }

        return true;
    }

    /// <returns>Whether at least one was taken.</returns>
    private async Task<bool> ClaimAsync(
        IDatabase database, RedisSessionKeys keys, string hub, RedisValue[] connections, List<Session> claimed, CancellationToken cancellationToken)
    {
        var sessions = await ReadAsync(database, keys, hub, connections, log: false, cancellationToken).ConfigureAwait(false);
        var claims = Array.ConvertAll(connections, connection => Claim(
            database, keys, hub, connection, sessions.Find(session => session.ConnectionId == connection)));
        Exception? failure = null;
        try
        {
            await ExchangeAsync(() => Task.WhenAll(claims), cancellationToken).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is SessionStoreUnavailableException or OperationCanceledException)
        {
            failure = exception;
        }

        var taken = false;
        var unanswered = 0;
        for (var i = 0; i < claims.Length; i++)
        {
            if (!claims[i].IsCompletedSuccessfully)
            {
                unanswered++;
            }
            else if (claims[i].Result is { IsNull: false } reply && (RedisResult[]?)reply is [var record, var groups])
            {
                taken = true;
                if (Read(keys, hub, connections[i], (RedisValue)record, (RedisValue[]?)groups) is { } session)
                {
                    claimed.Add(session);
                }
            }
        }

        if (failure is not null)
        {
            Log.ClaimsUnanswered(_logger, unanswered, failure);
            System.Runtime.ExceptionServices.ExceptionDispatchInfo.Throw(failure);
        }

        return taken;
    }

    private static Task<RedisResult> Claim(IDatabase database, RedisSessionKeys keys, string hub, RedisValue connection, Session? session)
    {
        List<RedisKey> scriptKeys = [keys.Lease, keys.Sessions(hub), keys.Users(hub), keys.Groups(hub), keys.GroupsOf(hub, connection!), keys.Connections(hub)];
        List<RedisValue> arguments = [connection];
        if (session?.UserId is { } user)
        {
            scriptKeys.Add(keys.User(hub, user));
            arguments.AddRange([RedisSessionScripts.UserCounts, user]);
        }

        foreach (var group in session?.Groups ?? [])
        {
            scriptKeys.Add(keys.Group(hub, group));
            arguments.AddRange([RedisSessionScripts.GroupCounts, group]);
        }

        var claim = database.ScriptEvaluateAsync(RedisSessionScripts.Claim, [.. scriptKeys], [.. arguments]);
        claim.Observe();
        return claim;
    }

    /// <summary>Deletes the indexes that claims have not emptied, such as those of records that could not be read.</summary>
    private async Task<bool> PurgeAsync(IDatabase database, RedisSessionKeys keys, string hub, CancellationToken cancellationToken)
    {
        await foreach (var groups in GroupsOfMembersAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
        {
            if (!await PurgeKeysAsync(groups, "").ConfigureAwait(false))
            {
                return false;
            }
        }

        await foreach (var indexes in IndexKeysAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
        {
            if (!await PurgeKeysAsync(indexes, "").ConfigureAwait(false))
            {
                return false;
            }
        }

        // The lease may be gone before its time, as after a loss of some keys, and then the share goes before its time too.
        if (await ExchangeAsync(() => database.KeyExistsAsync(keys.Lease), cancellationToken).ConfigureAwait(false))
        {
            return false;
        }

        await DropShareAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
        return await PurgeKeysAsync([keys.Users(hub), keys.Groups(hub), keys.Connections(hub)], hub).ConfigureAwait(false);

        Task<bool> PurgeKeysAsync(RedisKey[] leftovers, RedisValue last) => ExchangeAsync(
            async () => (bool)await database.ScriptEvaluateAsync(
                RedisSessionScripts.Purge, [keys.Lease, keys.Sessions(hub), keys.Hubs, .. leftovers], [last]).ConfigureAwait(false),
            cancellationToken);
    }

    private async Task ForgetNodeAsync(IDatabase database, RedisSessionKeys keys, RedisValue record, CancellationToken cancellationToken)
    {
        await ExchangeAsync(() => database.HashDeleteAsync(_nodes, keys.NodeId), cancellationToken).ConfigureAwait(false);
        if (await ExchangeAsync(() => database.KeyExistsAsync(keys.Lease), cancellationToken).ConfigureAwait(false))
        {
            // It came back in between; list it again unless it has done so itself.
            await ExchangeAsync(
                () => database.HashSetAsync(_nodes, keys.NodeId, record, When.NotExists), cancellationToken).ConfigureAwait(false);
            return;
        }

        await DiscardForeignAsync(database, [(keys.Hubs, "set")], cancellationToken).ConfigureAwait(false);
        if (_forgottenNodes.TryPass(out var held))
        {
            Log.NodeForgotten(_logger, InLog(keys.NodeId), held);
        }
    }
}
