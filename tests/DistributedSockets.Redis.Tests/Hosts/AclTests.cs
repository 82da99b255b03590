using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>The user of <c>docs/redis-in-production.md</c>, who may do no more than the library needs.</summary>
public sealed class AclTests
{
    private const string Prefix = DistributedWebSocketsClusterOptions.DefaultPrefix;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task User_OfThePage_MayDoAllThatNodesDoAndNoMore(string protocol)
    {
        await using var redis = new RedisServer();
        redis.SkipUnlessAvailable();
        await redis.StartAsync();
        var acl = AclOfThePage();
        if (await redis.CommandAsync(acl) is var answer && !answer.StartsWith("+OK", StringComparison.Ordinal))
        {
            Assert.Contains("client|setinfo", answer); // which comes with Redis 7.2, as the page says
            Assert.StartsWith("+OK", await redis.CommandAsync([.. acl.Where(static rule => rule != "+client|setinfo")]));
        }

        var connection = $"{redis.EndPoint},user=sockets,password=PASSWORD,protocol={protocol}";
        await using var sender = await RedisNode.StartAsync(connection, Prefix);
        await using (var node = await RedisNode.StartAsync(connection, Prefix))
        {
            await using var client = await node.ConnectAsync("alice");
            await sender.Router.AddToGroupAsync(client.Id, "red", Cancellation);
            await sender.Router.SendToGroupAsync("red", "hello", Cancellation);
            Assert.Equal("hello", await client.ReceiveAsync());
            await Eventually.TrueAsync(
                async () => (await sender.ConnectionsAsync(SessionQuery.ForGroup(RedisNode.Hub, "red"))).SequenceEqual([client.Id]), "the session is listed");
            Assert.True(await sender.Store.IsOnlineAsync(RedisNode.Hub, "alice", Cancellation));
            Assert.Equal(1, await sender.Store.CountAsync(SessionQuery.ForHub(RedisNode.Hub), Cancellation));
            Assert.Equal(1, await sender.Store.CountAsync(SessionQuery.ForUserInGroup(RedisNode.Hub, "alice", "red"), Cancellation));
            Assert.Single((await sender.Store.ListPageAsync(SessionQuery.ForHub(RedisNode.Hub), 1, null, Cancellation)).Sessions);
            await Eventually.TrueAsync(
                async () => (await sender.Store.ListGroupsAsync(GroupQuery.Largest(RedisNode.Hub), 10, "5:blue", Cancellation)).Groups is [{ Group: "red", Connections: 1 }], "the group is listed");
            Assert.Single((await sender.Store.ListGroupsAsync(GroupQuery.ByName(RedisNode.Hub), 10, null, Cancellation)).Groups);

            var presence = Assert.IsAssignableFrom<IPresenceStore>(sender.Store);
            PresenceWrite[] writes = [new() { Key = "u:alice", ExpectedVersion = 0, Value = new byte[] { 1 } }];
            var version = Assert.Single(await presence.WritePresenceAsync(RedisNode.Hub, "ledger", 0, writes, Cancellation));
            Assert.Equal(version, (await presence.ReadPresenceAsync(RedisNode.Hub, ["u:alice"], Cancellation))[0]?.Version);
            Assert.Single(await presence.ListPresenceAsync(RedisNode.Hub, Cancellation).ToListAsync(Cancellation));
            Assert.Equal([version], await presence.WritePresenceAsync(RedisNode.Hub, "ledger", 0, [writes[0] with { ExpectedVersion = version, Value = null }], Cancellation));

            // What stands in the way is deleted, and what a lost node left is claimed.
            await using var admin = await ConnectionMultiplexer.ConnectAsync(redis.EndPoint);
            var keys = new RedisSessionKeys(Prefix, node.Info.NodeId);
            await admin.GetDatabase().KeyDeleteAsync(keys.Users(RedisNode.Hub));
            await admin.GetDatabase().StringSetAsync(keys.Users(RedisNode.Hub), "rubbish");
            await using var second = await node.ConnectAsync("bob");
            await Eventually.TrueAsync(
                async () => await sender.Store.IsOnlineAsync(RedisNode.Hub, "bob", Cancellation) && await sender.Store.IsOnlineAsync(RedisNode.Hub, "alice", Cancellation),
                "both users are online again");
            await LoseANodeAsync(connection, admin.GetDatabase());
            await KeepALogAsync(connection);
            await node.HealthyAsync();
        }

        await sender.HealthyAsync();
        Assert.All(sender.Logs.GetSnapshot(), entry => Assert.DoesNotContain("NOPERM", $"{entry.Message} {entry.Exception}"));
        await using var intruder = await ConnectionMultiplexer.ConnectAsync(connection);
        await Assert.ThrowsAsync<RedisServerException>(() => intruder.GetDatabase().StringSetAsync("other", "x"));
        await Assert.ThrowsAsync<RedisServerException>(() => intruder.GetSubscriber().PublishAsync(RedisChannel.Literal("other"), "x"));
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task User_OfThePage_NothingIsLoggedOrReportedAtStartAndInWork(string protocol)
    {
        await using var redis = new RedisServer();
        redis.SkipUnlessAvailable();
        await redis.StartAsync();
        string[] acl = [.. AclOfThePage().Where(static rule => rule != "+client|setinfo")];
        Assert.StartsWith("+OK", await redis.CommandAsync(acl));
        var connection = $"{redis.EndPoint},user=sockets,password=PASSWORD,protocol={protocol}";

        await using var sender = await RedisNode.StartAsync(connection, Prefix);
        await using var node = await RedisNode.StartAsync(connection, Prefix);
        await using (var client = await node.ConnectAsync("alice"))
        {
            await sender.Router.AddToGroupAsync(client.Id, "red", Cancellation);
            await sender.Router.SendToGroupAsync("red", "group", Cancellation);
            Assert.Equal("group", await client.ReceiveAsync());
            await sender.Router.SendToUserAsync("alice", "user", Cancellation);
            Assert.Equal("user", await client.ReceiveAsync());
            await Eventually.TrueAsync(async () => await sender.Store.IsOnlineAsync(RedisNode.Hub, "alice", Cancellation), "the session is stored");
            await sender.Router.RemoveFromGroupAsync(client.Id, "red", Cancellation);
        }

        await sender.HealthyAsync();
        await node.HealthyAsync();
        Assert.Equal((0, 0), (sender.Losses.Count, node.Losses.Count));
        Assert.DoesNotContain(sender.Logs.GetSnapshot().Concat(node.Logs.GetSnapshot()), static entry => entry.Level >= LogLevel.Warning);
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task User_OfThePage_WithWhatAClusterTakes_MayDoAllThatNodesDo(string protocol)
    {
        await using var cluster = await RedisCluster.StartAsync();
        string[] acl = [.. AclOfThePage().Where(static rule => rule != "+client|setinfo"), .. RulesBehind("for a Redis Cluster add")];
        foreach (var server in cluster.Nodes)
        {
            Assert.StartsWith("+OK", await server.CommandAsync(acl));
        }

        var connection = $"{cluster.ConnectionString},user=sockets,password=PASSWORD,protocol={protocol}";
        var logger = new FakeLogger<RedisBackplane>();
        foreach (var backplane in new IBackplane[] { RedisFactory.ShardedBackplane(connection, logger: logger), RedisFactory.Backplane(connection, logger: logger) })
        {
            await using var node = await BackplaneNode.StartAsync(backplane);
            var channels = Enumerable.Range(0, 12).Select(static i => $"{Prefix}:v1:chat:user:{i}").ToArray();
            await node.SubscribeAsync(channels);
            foreach (var channel in channels)
            {
                await node.PublishAsync(channel, channel);
                await node.Received.WaitForAsync(channel, channel);
                await node.UnsubscribeAsync(channel);
            }

            Assert.Empty(node.Received.Reports);
        }

        await using var admin = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString);
        await using var store = RedisFactory.SessionStore(connection, Prefix);
        await store.RenewLeaseAsync(new() { NodeId = "n1", Name = "web", StartedAt = DateTimeOffset.UnixEpoch }, TimeSpan.FromMinutes(1), Cancellation);
        var losing = LoseANodeAsync(connection, admin.GetDatabase());
        await Eventually.TrueAsync(async () => (await store.ClaimExpiredAsync("n1", 10, Cancellation)).Count == 1, "the lost session is claimed");
        await losing.WithinGuardAsync();
        await KeepALogAsync(connection);
        Assert.All(logger.Collector.GetSnapshot(), static entry => Assert.DoesNotContain("NOPERM", $"{entry.Message} {entry.Exception}"));
    }

    private static async Task LoseANodeAsync(string connection, IDatabase admin)
    {
        await using var store = RedisFactory.SessionStore(connection, Prefix);
        var session = new Session
        {
            Hub = RedisNode.Hub, NodeId = "lost", ConnectionId = "lost.x", UserId = "carol", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
        };
        await store.RenewLeaseAsync(new() { NodeId = "lost", Name = "web", StartedAt = DateTimeOffset.UnixEpoch }, TimeSpan.FromMinutes(1), Cancellation);
        await store.CommitAsync("lost", [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
        var keys = new RedisSessionKeys(Prefix, "lost");
        await admin.KeyDeleteAsync(keys.Lease);
        await Eventually.TrueAsync(async () => !await admin.KeyExistsAsync(keys.Hubs), "another node claims what is left");
    }

    /// <summary>Has a message log do all that it does with Redis.</summary>
    private static async Task KeepALogAsync(string connection)
    {
        await using var node = await MessageLogNode.StartAsync(RedisFactory.MessageLog(connection, Prefix));
        var (hub, patient) = (Keeping(TimeSpan.FromMilliseconds(100)), Keeping(TimeSpan.FromHours(1)));
        await node.SubscribeAsync(hub);
        LogAppendResult last = default;
        await Eventually.TrueAsync(
            async () =>
            {
                last = await node.AppendAsync(hub, [LogTarget.All, LogTarget.User("alice")], "hello", "key");
                return last.Position.Offset > 10;
            },
            "keys and entries are forgotten");
        await node.Received.WaitForAsync(hub.Name, last.Position);
        Assert.NotEmpty(await node.ReadAllAsync(patient, [LogTarget.All]));
        Assert.NotEmpty(await node.ReadAllAsync(patient, targets: null));
        await node.UnsubscribeAsync(hub);
        Assert.Empty(node.Received.Reports);

        static LogHub Keeping(TimeSpan age) => new()
        {
            Name = RedisNode.Hub,
            Retention = new() { MaxAge = age, MaxEntriesPerTarget = 2, MaxBytesPerTarget = 20, IdempotencyTime = TimeSpan.FromMilliseconds(100) },
        };
    }

    private static string[] AclOfThePage()
    {
        var page = Page();
        var begin = page.IndexOf("\nACL SETUSER", StringComparison.Ordinal) + 1;
        return page[begin..page.IndexOf("```", begin, StringComparison.Ordinal)].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }

    /// <summary>The rules in code marks from some words of the page to the next full stop.</summary>
    private static string[] RulesBehind(string words)
    {
        var page = Page();
        var begin = page.IndexOf(words, StringComparison.Ordinal);
        Assert.True(begin > 0, $"The page does not say '{words}'.");
        begin += words.Length;
        return [.. page[begin..page.IndexOf('.', begin)].Split('`').Where(static (mark, index) => index % 2 == 1 && mark[0] == '+')];
    }

    private static string Page()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "DistributedSockets.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        return File.ReadAllText(Path.Combine(folder.FullName, "docs", "redis-in-production.md"));
    }
}
