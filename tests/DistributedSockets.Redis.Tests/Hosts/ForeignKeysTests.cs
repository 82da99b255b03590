using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>What anyone may plant in the Redis that nodes share, against running nodes.</summary>
public abstract class ForeignKeysTests(RespServer server) : IAsyncLifetime
{
    private readonly string _prefix = $"keys-{Guid.NewGuid():N}";
    private ConnectionMultiplexer? _foreign;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private IDatabase Foreign => _foreign!.GetDatabase();

    public async ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        _foreign = await ConnectionMultiplexer.ConnectAsync(server.EndPoint);
    }

    public async ValueTask DisposeAsync()
    {
        if (_foreign is not null)
        {
            await _foreign.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task WrongTypes_InPlaceOfEveryKey_AreReplacedWhileMessagesArrive()
    {
        await using var sender = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var node = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var client = await node.ConnectAsync("alice");
        await sender.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await ListedAsync(sender, client.Id);

        var keys = new RedisSessionKeys(_prefix, node.Info.NodeId);
        foreach (var key in (RedisKey[])
        [
            RedisSessionKeys.Nodes(_prefix), keys.Lease, keys.Hubs, keys.Sessions(RedisNode.Hub), keys.Users(RedisNode.Hub), keys.Groups(RedisNode.Hub),
            keys.User(RedisNode.Hub, "alice"), keys.Group(RedisNode.Hub, "red"), keys.Connections(RedisNode.Hub), .. new RedisHubKeys(_prefix, RedisNode.Hub).For(node.Info.NodeId),
        ])
        {
            // In one step: the nodes may write to it in between.
            var exchange = Foreign.CreateTransaction();
            Task[] steps = [exchange.KeyDeleteAsync(key), exchange.ListRightPushAsync(key, "rubbish")];
            Assert.True(await exchange.ExecuteAsync());
            await Task.WhenAll(steps);
        }

        await sender.Router.SendToGroupAsync("red", "still served", Cancellation);
        Assert.Equal("still served", await client.ReceiveAsync());

        // Somebody comes, so that the node has something to write to where the rubbish stands.
        await using var second = await node.ConnectAsync("alice");
        await sender.Router.AddToGroupAsync(second.Id, "red", Cancellation);
        await ListedAsync(sender, client.Id, second.Id);
        await Eventually.TrueAsync(
            async () => (await sender.Store.ListGroupsAsync(GroupQuery.ByName(RedisNode.Hub), 10, null, Cancellation)).Groups is [{ Group: "red", Connections: 2 }], "the size of the group is right again");
        await sender.HealthyAsync();
        await node.HealthyAsync();
        await sender.Router.SendToUserAsync("alice", "served again", Cancellation);
        Assert.Equal("served again", await client.ReceiveAsync());
        Assert.Equal("served again", await second.ReceiveAsync());
    }

    [Fact]
    public async Task Rubbish_InEveryHashAndSet_HidesNothingAndFailsNoHeartbeat()
    {
        await using var node = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var client = await node.ConnectAsync("alice");
        await node.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await ListedAsync(node, client.Id);
        var keys = new RedisSessionKeys(_prefix, node.Info.NodeId);
        var hub = new RedisHubKeys(_prefix, RedisNode.Hub);
        var random = new Random(1);
        for (var i = 0; i < 200; i++)
        {
            var bytes = new byte[random.Next(0, 200)];
            random.NextBytes(bytes);
            await Foreign.HashSetAsync(RedisSessionKeys.Nodes(_prefix), [new(bytes, bytes), new($"gone-{i}", bytes)]);
            await Foreign.HashSetAsync(keys.Sessions(RedisNode.Hub), [new(bytes, bytes)]);
            await Foreign.HashSetAsync(keys.Users(RedisNode.Hub), [new(bytes, bytes)]);
            await Foreign.SetAddAsync(keys.Hubs, bytes);
            await Foreign.SortedSetAddAsync(keys.User(RedisNode.Hub, "alice"), bytes, 0);
            await Foreign.SortedSetAddAsync(keys.Group(RedisNode.Hub, "red"), bytes, 0);
            await Foreign.SortedSetAddAsync(keys.Connections(RedisNode.Hub), bytes, 0);
            await Foreign.SortedSetAddAsync(hub.Leases, bytes, i);
            await Foreign.HashSetAsync(hub.Numbers, bytes, bytes);
            await Foreign.SortedSetAddAsync(hub.Names, bytes, 0);
            await Foreign.HashSetAsync(hub.ShareOf($"gone-{i}"), bytes, bytes);
        }

        await Foreign.HashSetAsync(RedisSessionKeys.Nodes(_prefix), "huge", new byte[1 << 20]);
        await Foreign.HashSetAsync(keys.Sessions(RedisNode.Hub), "huge", new byte[1 << 20]);

        // Nodes that nobody knows are claimed from as if they were lost, and forgotten.
        await Eventually.TrueAsync(
            async () => !(await Foreign.HashKeysAsync(RedisSessionKeys.Nodes(_prefix))).Any(field => field.StartsWith("gone-")), "the made-up nodes are forgotten");
        await ListedAsync(node, client.Id);
        Assert.Equal(node.Info.NodeId, Assert.Single(await node.Store.ListNodesAsync(Cancellation)).NodeId);
        Assert.True(await node.Store.IsOnlineAsync(RedisNode.Hub, "alice", Cancellation));
        Assert.Contains((await node.Store.ListGroupsAsync(GroupQuery.Largest(RedisNode.Hub), 1_000, null, Cancellation)).Groups, group => group is { Group: "red", Connections: 1 });
        Assert.Contains((await node.Store.ListGroupsAsync(GroupQuery.ByName(RedisNode.Hub, "red"), 1_000, null, Cancellation)).Groups, group => group is { Group: "red", Connections: 1 });
        await node.HealthyAsync();
        Assert.DoesNotContain(node.Logs.GetSnapshot(), entry => entry.Id.Id is 180 or 191 || entry.Level >= Microsoft.Extensions.Logging.LogLevel.Error);
        Assert.All(
            node.Logs.GetSnapshot().Where(entry => entry.Id.Id is >= 1020 and <= 1025).GroupBy(entry => entry.Id.Id),
            entries => Assert.InRange(entries.Count(), 1, 16));
    }

    private static Task ListedAsync(RedisNode from, params string[] connections) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                return await ListsAsync(SessionQuery.ForHub(RedisNode.Hub)) && await ListsAsync(SessionQuery.ForUser(RedisNode.Hub, "alice"))
                    && await ListsAsync(SessionQuery.ForGroup(RedisNode.Hub, "red"));
            }
            catch (SessionStoreUnavailableException)
            {
                return false; // until the list of nodes has been replaced
            }

            async Task<bool> ListsAsync(SessionQuery query) => (await from.ConnectionsAsync(query)).SequenceEqual(connections.Order(StringComparer.Ordinal));
        },
        "the connections, and no others, are listed by every query");
}

public sealed class ForeignKeysOnRedisTests(RedisServer server) : ForeignKeysTests(server);

public sealed class ForeignKeysOnGarnetTests(GarnetServer server) : ForeignKeysTests(server);
