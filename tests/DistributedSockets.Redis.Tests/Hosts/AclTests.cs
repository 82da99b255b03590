using DistributedSockets.Testing;
using DistributedSockets.TestServers;
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
            await node.HealthyAsync();
        }

        await sender.HealthyAsync();
        Assert.All(sender.Logs.GetSnapshot(), entry => Assert.DoesNotContain("NOPERM", $"{entry.Message} {entry.Exception}"));
        await using var intruder = await ConnectionMultiplexer.ConnectAsync(connection);
        await Assert.ThrowsAsync<RedisServerException>(() => intruder.GetDatabase().StringSetAsync("other", "x"));
        await Assert.ThrowsAsync<RedisServerException>(() => intruder.GetSubscriber().PublishAsync(RedisChannel.Literal("other"), "x"));
    }

    private static async Task LoseANodeAsync(string connection, IDatabase admin)
    {
        await using var store = RedisFactory.SessionStore(connection, Prefix);
        var session = new Session
        {
            Hub = RedisNode.Hub, NodeId = "lost", ConnectionId = "lost.x", UserId = "carol", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
        };
        await store.RenewLeaseAsync(new() { NodeId = "lost", Name = "web", StartedAt = DateTimeOffset.UnixEpoch }, TimeSpan.FromMinutes(1), Cancellation);
        await store.CommitAsync("lost", [new(SessionChangeKind.Saved, session)], Cancellation);
        var keys = new RedisSessionKeys(Prefix, "lost");
        await admin.KeyDeleteAsync(keys.Lease);
        await Eventually.TrueAsync(async () => !await admin.KeyExistsAsync(keys.Hubs), "another node claims what is left");
    }

    private static string[] AclOfThePage()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "DistributedSockets.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("The tests do not run inside the repository.");
        }

        var page = File.ReadAllText(Path.Combine(folder.FullName, "docs", "redis-in-production.md"));
        var begin = page.IndexOf("\nACL SETUSER", StringComparison.Ordinal) + 1;
        return page[begin..page.IndexOf("```", begin, StringComparison.Ordinal)].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
    }
}
