using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Gets along with what somebody else put in the place of our keys.</summary>
internal sealed partial class RedisSessionStore
{
    /// <summary>Asks about one key of a node. One that holds something else than ours counts as missing, so that it hides nothing of others.</summary>
    private async Task<T> AskAsync<T>(RedisKey key, Func<Task<T>> question, T ifMissing, CancellationToken cancellationToken)
    {
        try
        {
            return await ExchangeAsync(question, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
        {
            LogForeign(key);
            return ifMissing;
        }
    }

    private void LogForeign(RedisKey key)
    {
        if (_foreignKeys.TryPass(out var held))
        {
            Log.ForeignKey(_logger, InLog(key.ToString()), held);
        }
    }

    /// <summary>Deletes what holds something else than ours under the keys of changes, and has the node write all of its sessions again.</summary>
    private async Task MakeRoomAsync(
        IDatabase database, RedisSessionKeys keys, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken)
    {
        await DiscardForeignAsync(database, [(_nodes, "hash")], cancellationToken).ConfigureAwait(false);
        var ours = new Dictionary<RedisKey, string> { [keys.Hubs] = "set" };
        foreach (var update in RedisSessionUpdate.From(changes))
        {
            var hub = update.Hub;
            ours[keys.Sessions(hub)] = ours[keys.Users(hub)] = ours[keys.Groups(hub)] = "hash";
            ours[keys.GroupsOf(hub, update.ConnectionId)] = "set";
            ours[keys.Connections(hub)] = "zset";
            if (update.Whole?.UserId is { } user)
            {
                ours[keys.User(hub, user)] = "zset";
            }

            foreach (var (group, _) in update.Groups)
            {
                ours[keys.Group(hub, group)] = "zset";
            }
        }

        foreach (var hub in changes.Select(static change => change.Hub).Distinct(StringComparer.Ordinal))
        {
            await ForgetLostSessionsAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
            await MendHubAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
        }

        foreach (var page in ours.Select(static key => (key.Key, key.Value)).Chunk(PageSize))
        {
            await DiscardForeignAsync(database, page, cancellationToken).ConfigureAwait(false);
        }

        // What was there before has been lost, and the node is told by its lease, as after a flush.
        if (_ownNodes.TryGetValue(keys.NodeId, out var own))
        {
            await ExchangeAsync(
                () => database.StringSetAsync(keys.Lease, Provisional, own.Expiry, When.Exists), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>If something else is in the place of a hub's sessions, deletes their groups, which nothing else leads to.</summary>
    private async Task ForgetLostSessionsAsync(IDatabase database, RedisSessionKeys keys, string hub, CancellationToken cancellationToken)
    {
        if (await ExchangeAsync(() => database.KeyTypeAsync(keys.Sessions(hub)), cancellationToken).ConfigureAwait(false) is RedisType.Hash or RedisType.None)
        {
            return;
        }

        await foreach (var groups in GroupsOfMembersAsync(database, keys, hub, cancellationToken).ConfigureAwait(false))
        {
            await ExchangeAsync(() => database.KeyDeleteAsync(groups), cancellationToken).ConfigureAwait(false);
        }
    }

    /// <returns>Whether there was any.</returns>
    private async Task<bool> DiscardForeignAsync(IDatabase database, (RedisKey Key, string Type)[] ours, CancellationToken cancellationToken)
    {
        var discarded = await ExchangeAsync(
            async () => (long)await database.ScriptEvaluateAsync(
                RedisSessionScripts.Discard,
                Array.ConvertAll(ours, static key => key.Key),
                Array.ConvertAll(ours, static key => (RedisValue)key.Type)).ConfigureAwait(false),
            cancellationToken).ConfigureAwait(false);
        if (discarded > 0 && _deletedKeys.TryPass(out _))
        {
            Log.ForeignKeysDeleted(_logger, discarded);
        }

        return discarded > 0;
    }
}
