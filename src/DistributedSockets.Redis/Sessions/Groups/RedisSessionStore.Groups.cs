using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>Keeps the sizes of the groups of each hub, and lists them.</summary>
/// <remarks>
/// A node's own keys come first; what they say is then written to the keys of the hub, which stand in another slot of a Redis Cluster. Should the
/// node die in between, its share ends with its lease; should the call be given up, the groups are remembered and come with the next commit.
/// </remarks>
internal sealed partial class RedisSessionStore
{
    private const int GroupsAtOnce = 250;

    // How often 16 lost nodes may turn up whose shares go first: anybody may have made them up.
    private const int RoundsOfLostNodes = 64;

    public async ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroups, 1);
        var after = GroupPosition.Parse(query.Order, continuationToken);
        var hub = new RedisHubKeys(_prefix, query.Hub);
        var database = await DatabaseAsync(cancellationToken).ConfigureAwait(false);
        for (var round = 0; round < RoundsOfLostNodes; round++)
        {
            var answer = await AskAsync(hub.Sizes, () => ReadGroupsAsync(database, hub, query, after, maxGroups), [], cancellationToken).ConfigureAwait(false);
            if (answer is not [var isLost, var found])
            {
                return new() { Groups = [] };
            }

            if (!(bool)isLost)
            {
                return PageOf((RedisValue[]?)found ?? [], query.Order, maxGroups);
            }

            foreach (var node in (RedisValue[]?)found ?? [])
            {
                await DropShareAsync(database, hub, node, onlyIfLost: true, cancellationToken).ConfigureAwait(false);
            }
        }

        throw new SessionStoreUnavailableException("More nodes of this hub were lost than one call can clean up after. Ask again.");
    }

    private static async Task<RedisResult[]> ReadGroupsAsync(IDatabase database, RedisHubKeys hub, GroupQuery query, GroupPosition? after, int maxGroups)
    {
        RedisValue wanted = (long)maxGroups + 1; // one more tells whether there is a next page
        if (query.Order == GroupOrder.Largest)
        {
            RedisValue[] from = after is { } last ? [wanted, -last.Connections, last.Group] : [wanted];
            return (RedisResult[]?)await database.ScriptEvaluateAsync(RedisGroupScripts.BySize, [hub.Leases, hub.Sizes], from).ConfigureAwait(false) ?? [];
        }

        // No byte of UTF-8 is as large as the one that ends the range.
        var prefix = System.Text.Encoding.UTF8.GetBytes(query.Prefix ?? "");
        RedisValue first = after is { } behind && GroupQuery.NameOrder.Compare(behind.Group, query.Prefix ?? "") >= 0
            ? "(" + behind.Group
            : (byte[])[(byte)'[', .. prefix];
        RedisValue end = prefix.Length == 0 ? "+" : (byte[])[(byte)'(', .. prefix, 0xFF];
        return (RedisResult[]?)await database.ScriptEvaluateAsync(
            RedisGroupScripts.ByName, [hub.Leases, hub.Sizes, hub.Names], [first, end, wanted]).ConfigureAwait(false) ?? [];
    }

    private static GroupPage PageOf(RedisValue[] found, GroupOrder order, int maxGroups)
    {
        var groups = new List<GroupCount>();
        string? next = null;
        var last = default(GroupCount);
        foreach (var pair in found.Chunk(2))
        {
            if (groups.Count == maxGroups)
            {
                next = new GroupPosition(order, last!.Group, last.Connections).ToString();
                break;
            }

            last = new() { Group = (string)pair[0]!, Connections = -(long)(double)pair[1] };
            if (last.Connections > 0)
            {
                groups.Add(last);
            }
        }

        return new() { Groups = groups, ContinuationToken = next };
    }

    /// <summary>Writes the sizes that are due. The server of a hub may be away while that of the node is not: then they follow with the next commit or renewal.</summary>
    private async Task ShareIfPossibleAsync(
        IDatabase database, RedisSessionKeys keys, RedisShares shares, bool isOwn, RedisWrites? writes, CancellationToken cancellationToken)
    {
        await shares.Writing.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await ShareAsync(database, keys, shares, isOwn, writes, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionStoreUnavailableException exception) when (!RedisErrors.IsWrongType(exception))
        {
            LogSizesLate(exception);
        }
        finally
        {
            shares.Writing.Release();
        }
    }

    private void LogSizesLate(SessionStoreUnavailableException exception)
    {
        if (_lateSizes.TryPass(out _))
        {
            Log.SizesLate(_logger, exception);
        }
    }

    /// <summary>Writes the sizes that the changes of a node have changed, as its own keys have them now.</summary>
    private async Task ShareAsync(IDatabase database, RedisSessionKeys keys, RedisShares shares, bool isOwn, RedisWrites? writes, CancellationToken cancellationToken)
    {
        foreach (var (hub, groups) in shares.GetDue())
        {
            var hubKeys = new RedisHubKeys(_prefix, hub);
            foreach (var some in groups.Chunk(GroupsAtOnce))
            {
                var counted = await ExchangeAsync(
                    async () => (RedisValue[]?)await database.ScriptEvaluateAsync(
                        RedisGroupScripts.Count, [keys.Lease, keys.Groups(hub)], Array.ConvertAll(some, static group => (RedisValue)group)).ConfigureAwait(false),
                    cancellationToken).ConfigureAwait(false) ?? [];
                if (counted is not [{ IsNullOrEmpty: false } expiry, ..])
                {
                    return; // no lease, so nothing of it is shown; it is told, and writes everything again
                }

                var (number, confirmed) = shares.Next(hub);
                RedisValue[] arguments = [keys.NodeId, expiry, isOwn ? confirmed : "", isOwn ? number : "", .. some.SelectMany((group, index) => (RedisValue[])[group, counted[index + 1]])];
                var isWhole = await ExchangeAsync(
                    async () => (bool)await database.ScriptEvaluateAsync(RedisGroupScripts.Share, hubKeys.For(keys.NodeId), arguments).ConfigureAwait(false),
                    cancellationToken).ConfigureAwait(false);
                if (!isWhole)
                {
                    writes?.Lose();
                }

                shares.Confirm(hub, number, some);
            }
        }
    }

    /// <summary>Keeps a node's shares for as long as its lease. Where something that it has written is gone, it loses its share and is told.</summary>
    private Task KeepSharesAsync(
        IDatabase database, RedisSessionKeys keys, RedisShares shares, RedisWrites writes, IEnumerable<string> hubs, RedisValue expiry, CancellationToken cancellationToken)
    {
        return Task.WhenAll(hubs.Union(shares.Hubs, StringComparer.Ordinal).Where(RedisSessionKeys.IsPlain).Select(KeepInTurnAsync));

        async Task KeepInTurnAsync(string hub)
        {
            await shares.Writing.WaitAsync(cancellationToken).ConfigureAwait(false); // or a share that is written anew meanwhile would be dropped with the old one
            try
            {
                await KeepAsync(hub).ConfigureAwait(false);
            }
            finally
            {
                shares.Writing.Release();
            }
        }

        async Task KeepAsync(string hub)
        {
            var hubKeys = new RedisHubKeys(_prefix, hub);
            var isWhole = false;
            try
            {
                isWhole = await ExchangeAsync(
                    async () => (bool)await database.ScriptEvaluateAsync(
                        RedisGroupScripts.Keep, hubKeys.For(keys.NodeId), [keys.NodeId, expiry, shares.Confirmed(hub)]).ConfigureAwait(false),
                    cancellationToken).ConfigureAwait(false);
            }
            catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
            {
                // As good as gone.
            }
            catch (SessionStoreUnavailableException exception)
            {
                LogSizesLate(exception);
                return; // the lease itself is renewed; should the share run out meanwhile, the next renewal notices
            }

            if (!isWhole)
            {
                writes.Lose(); // it writes everything again, so it begins without a share
                shares.Forget(hub);
                await MendHubAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
                await DropShareAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Takes back a node's share in a hub.</summary>
    private async Task DropShareAsync(IDatabase database, RedisHubKeys hub, RedisValue nodeId, bool onlyIfLost, CancellationToken cancellationToken)
    {
        RedisValue[] arguments = [nodeId, GroupsAtOnce, onlyIfLost ? "+" : ""];
        while (await ExchangeAsync(
            async () => (bool)await database.ScriptEvaluateAsync(RedisGroupScripts.Drop, hub.For(nodeId), arguments).ConfigureAwait(false), cancellationToken).ConfigureAwait(false))
        {
        }
    }

    private async Task DropShareAsync(IDatabase database, RedisSessionKeys keys, string hub, CancellationToken cancellationToken)
    {
        var hubKeys = new RedisHubKeys(_prefix, hub);
        try
        {
            await DropShareAsync(database, hubKeys, keys.NodeId, onlyIfLost: false, cancellationToken).ConfigureAwait(false);
        }
        catch (SessionStoreUnavailableException exception) when (RedisErrors.IsWrongType(exception))
        {
            await MendHubAsync(database, keys, hub, cancellationToken).ConfigureAwait(false);
            await DropShareAsync(database, hubKeys, keys.NodeId, onlyIfLost: false, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Deletes what holds something else than ours under the keys of a hub, and has all nodes write their shares again.</summary>
    private async Task MendHubAsync(IDatabase database, RedisSessionKeys keys, string hub, CancellationToken cancellationToken)
    {
        var hubKeys = new RedisHubKeys(_prefix, hub);
        if (await DiscardForeignAsync(database, hubKeys.TypesFor(keys.NodeId), cancellationToken).ConfigureAwait(false))
        {
            await ExchangeAsync(() => database.KeyDeleteAsync([hubKeys.Numbers, hubKeys.Sizes, hubKeys.Names]), cancellationToken).ConfigureAwait(false);
        }
    }
}
