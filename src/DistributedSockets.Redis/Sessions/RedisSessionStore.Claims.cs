using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Takes over the sessions of nodes that are gone.</summary>
internal sealed partial class RedisSessionStore
{
    // Positions in the KEYS of the scripts, where the counts of users and of groups stand.
    private const string UserCounts = "3";
    private const string GroupCounts = "4";

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
                var entries = await AskAsync(
                    keys.Sessions(hub), () => database.HashRandomFieldsWithValuesAsync(keys.Sessions(hub), wanted), [], cancellationToken).ConfigureAwait(false);
                if (entries.Length == 0)
                {
                    break;
                }

                if (!await ClaimAsync(database, keys, hub, entries, claimed, cancellationToken).ConfigureAwait(false))
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
        IDatabase database, RedisSessionKeys keys, string hub, HashEntry[] entries, List<Session> claimed, CancellationToken cancellationToken)
    {
        var claims = Array.ConvertAll(entries, entry => Claim(database, keys, hub, entry));
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
            else if (claims[i].Result is { IsNull: false } record)
            {
                taken = true;
                if (Read(keys.NodeId, hub, entries[i].Name, (RedisValue)record) is { } session)
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

    private Task<RedisResult> Claim(IDatabase database, RedisSessionKeys keys, string hub, HashEntry entry)
    {
        List<RedisKey> scriptKeys = [keys.Lease, keys.Sessions(hub), keys.Users(hub), keys.Groups(hub)];
        List<RedisValue> arguments = [entry.Name];
        if (Read(keys.NodeId, hub, entry.Name, entry.Value, log: false) is { } session)
        {
            if (session.UserId is { } user)
            {
                scriptKeys.Add(keys.User(hub, user));
                arguments.AddRange([UserCounts, user]);
            }

            foreach (var group in session.Groups)
            {
                scriptKeys.Add(keys.Group(hub, group));
                arguments.AddRange([GroupCounts, group]);
            }
        }

        var claim = database.ScriptEvaluateAsync(RedisSessionScripts.Claim, [.. scriptKeys], [.. arguments]);
        TaskFailures.Observe(claim);
        return claim;
    }

    /// <summary>Deletes the indexes that claims have not emptied, such as those of records that could not be read.</summary>
    private async Task<bool> PurgeAsync(IDatabase database, RedisSessionKeys keys, string hub, CancellationToken cancellationToken)
    {
        await foreach (var indexes in IndexKeysAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
        {
            if (!await PurgeKeysAsync(indexes, "").ConfigureAwait(false))
            {
                return false;
            }
        }

        return await PurgeKeysAsync([keys.Users(hub), keys.Groups(hub)], hub).ConfigureAwait(false);

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
