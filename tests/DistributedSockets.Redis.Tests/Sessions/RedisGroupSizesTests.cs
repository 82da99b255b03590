using System.Globalization;
using DistributedSockets.TestServers;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Sessions;

/// <summary>The sizes of groups in the keys of a hub: what they cost, and how they heal.</summary>
public sealed class RedisGroupSizesTests(RedisServer redis) : IAsyncLifetime
{
    private const string Hub = "chat";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private readonly string _prefix = $"sizes-{Guid.NewGuid():N}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private RedisHubKeys Keys => new(_prefix, Hub);

    public ValueTask InitializeAsync()
    {
        redis.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Theory]
    [InlineData(GroupOrder.Name)]
    [InlineData(GroupOrder.Largest)]
    public async Task ListGroups_ManyNodesAndConnections_CostsNoMoreThanOfOne(GroupOrder order)
    {
        await using var own = new RedisServer(); // whose commands nobody else's are counted among
        await own.StartAsync();
        await using var store = RedisFactory.SessionStore(own.EndPoint, _prefix);
        var query = order == GroupOrder.Name ? GroupQuery.ByName(Hub) : GroupQuery.Largest(Hub);
        await SaveAsync(store, "n0", 1);
        await store.ListGroupsAsync(query, 10, null, Cancellation); // loads the script
        var ofOne = await CostAsync();
        for (var i = 1; i < 30; i++)
        {
            await SaveAsync(store, $"n{i}", 40);
        }

        Assert.Equal(ofOne, await CostAsync());
        Assert.Equal(1 + (29 * 40), (await store.ListGroupsAsync(query, 100, null, Cancellation)).Groups.Single(static group => group.Group == "red").Connections);

        async Task<long> CostAsync()
        {
            var before = await CommandsAsync();
            await store.ListGroupsAsync(query, 1, null, Cancellation);
            return await CommandsAsync() - before;
        }

        async Task<long> CommandsAsync()
        {
            var line = (await own.CommandAsync("INFO", "stats")).Split("\r\n").First(static line => line.StartsWith("total_commands_processed:", StringComparison.Ordinal));
            return long.Parse(line.Split(':')[1], CultureInfo.InvariantCulture);
        }
    }

    [Theory]
    [InlineData("sizes")]
    [InlineData("names")]
    [InlineData("numbers")]
    [InlineData("leases")]
    [InlineData("sizes", "names", "numbers", "leases")]
    public async Task Renew_KeysOfTheHubLost_EachNodeIsToldOnceAndTheSizesHeal(params string[] lost)
    {
        string[] nodes = ["n1", "n2"];
        await using var first = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await using var second = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        ISessionStore[] stores = [first, second];
        for (var i = 0; i < 2; i++)
        {
            await SaveAsync(stores[i], nodes[i], 3);
            Assert.True(await RenewAsync(stores[i], nodes[i]));
        }

        Assert.Equal("red: 6", await RedAsync(first));
        foreach (var key in lost)
        {
            Assert.StartsWith(":1", await redis.CommandAsync("DEL", KeyOf(key)!), StringComparison.Ordinal);
        }

        // One at a time, so that what the first writes again meets what the second has left.
        for (var i = 0; i < 2; i++)
        {
            Assert.False(await RenewAsync(stores[i], nodes[i]));
            await stores[i].ResetAsync(nodes[i], Cancellation);
            await SaveAsync(stores[i], nodes[i], 3 + i);
            Assert.True(await RenewAsync(stores[i], nodes[i]));
        }

        Assert.Equal("red: 7", await RedAsync(second));
        Assert.True(await RenewAsync(first, "n1"));
        await first.RemoveNodeAsync("n1", Cancellation);
        Assert.Equal("red: 4", await RedAsync(second));
        await second.RemoveNodeAsync("n2", Cancellation);
        Assert.Equal("", await RedAsync(second));
        Assert.StartsWith(":0", await redis.CommandAsync(["EXISTS", .. Keys.For("n1").Concat(Keys.For("n2")).Select(static key => key.ToString())]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Renew_HubWentBackToAnOlderState_IsTold()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await SaveAsync(store, "n1", 1);
        var older = (await redis.CommandAsync("HGET", Keys.Numbers!, "n1")).Split("\r\n")[1];
        await SaveAsync(store, "n1", 1);
        Assert.True(await RenewAsync(store, "n1"));

        // A replica takes over that had not got the last write; the node's own keys, in another slot, have it.
        Assert.StartsWith(":", await redis.CommandAsync("HSET", Keys.Numbers!, "n1", older), StringComparison.Ordinal);
        Assert.StartsWith(":", await redis.CommandAsync("HSET", Keys.ShareOf("n1")!, "red", "1"), StringComparison.Ordinal);
        Assert.StartsWith(":", await redis.CommandAsync("ZADD", Keys.Sizes!, "-1", "red"), StringComparison.Ordinal);

        // Also if the node writes before it renews: the number that says so stays.
        await SaveWithoutRenewalAsync(store, "n1", 1);
        Assert.False(await RenewAsync(store, "n1"));
        Assert.True(await RenewAsync(store, "n1"));
        await store.ResetAsync("n1", Cancellation);
        await SaveAsync(store, "n1", 3);
        Assert.Equal("red: 3", await RedAsync(store));
        Assert.True(await RenewAsync(store, "n1"));
    }

    [Fact]
    public async Task Leases_OfNodesThatNobodyKnows_EndNoListAndNothingIsKeptBusyForEver()
    {
        await using var store = RedisFactory.SessionStore(redis.EndPoint, _prefix);
        await SaveAsync(store, "n1", 2);
        for (var i = 0; i < 2_000; i++)
        {
            await redis.CommandAsync("ZADD", Keys.Leases!, "5", $"made-up-{i}");
        }

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.ListGroupsAsync(GroupQuery.ByName(Hub), 10, null, Cancellation));

        Assert.Equal("red: 2", await RedAsync(store)); // when it is asked again
        Assert.StartsWith(":1", await redis.CommandAsync("ZCARD", Keys.Leases!), StringComparison.Ordinal);
    }

    private static async Task<string> RedAsync(ISessionStore store) =>
        string.Join(", ", (await store.ListGroupsAsync(GroupQuery.Largest(Hub), 1, null, Cancellation)).Groups.Select(static group => $"{group.Group}: {group.Connections}"));

    private static ValueTask<bool> RenewAsync(ISessionStore store, string nodeId) =>
        store.RenewLeaseAsync(new() { NodeId = nodeId, Name = "web", StartedAt = DateTimeOffset.UnixEpoch }, Lease, Cancellation);

    private static async Task SaveAsync(ISessionStore store, string nodeId, int count)
    {
        await RenewAsync(store, nodeId);
        await SaveWithoutRenewalAsync(store, nodeId, count);
    }

    private static async Task SaveWithoutRenewalAsync(ISessionStore store, string nodeId, int count) => await store.CommitAsync(
        nodeId,
        [.. Enumerable.Range(0, count).Select(i => new SessionChange
        {
            Kind = SessionChangeKind.Saved,
            Session = new() { Hub = Hub, NodeId = nodeId, ConnectionId = $"{nodeId}.{Guid.NewGuid():N}", ConnectedAt = DateTimeOffset.UnixEpoch, Groups = ["red", $"g{i}"] },
        })],
        Cancellation);

    private RedisKey KeyOf(string which) => which switch
    {
        "sizes" => Keys.Sizes,
        "names" => Keys.Names,
        "numbers" => Keys.Numbers,
        _ => Keys.Leases,
    };
}
