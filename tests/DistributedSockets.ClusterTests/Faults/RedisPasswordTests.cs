using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>The password of Redis is wrong, or changes while a load runs.</summary>
public sealed class RedisPasswordTests
{
    private const string Old = "the-old-password";
    private const string New = "the-new-password";

    [Fact]
    public async Task WrongAtStart_AcceptsClients_SaysWhy_AndWorksWhenItIsRight()
    {
        await using var redis = await StartRedisAsync(Old);
        var nodes = await TestNodeProcess.StartAsync([.. Enumerable.Range(0, 2)
            .Select(index => new NodeSettings { Name = $"node{index}", Redis = $"{redis.EndPoint},password={New}" })]);
        await using var first = nodes[0];
        await using var second = nodes[1];
        await using var client = await first.ConnectAsync("early", "group");
        foreach (var node in nodes)
        {
            await Guard.UntilAsync(
                node.HealthAsync,
                static health => health.StartsWith("Degraded", StringComparison.Ordinal) && health.Contains("Verify if the Redis password", StringComparison.Ordinal),
                "the node says why");
            await Guard.UntilAsync(
                () => Task.FromResult(node.Output()), static output => output.Contains("Verify if the Redis password", StringComparison.Ordinal), "its log says why");
            Assert.DoesNotContain(New, node.Output(), StringComparison.Ordinal);
            Assert.DoesNotContain(New, await node.HealthAsync(), StringComparison.Ordinal);
        }

        await SetPasswordAsync(redis, New);

        foreach (var node in nodes)
        {
            await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
        }

        await Guard.UntilAsync(() => second.IsOnlineAsync("early"), "the other node knows the client");
        Assert.Equal(System.Net.HttpStatusCode.Accepted, await second.SendAsync("group/group", "hello"));
        await client.ExpectAsync("hello");
    }

    [Fact]
    public async Task ChangedUnderLoad_ConnectionsGoOn_ThoseLostComeBackWhenItIsRight()
    {
        await using var redis = await StartRedisAsync(Old);
        await using var cluster = await FaultCluster.StartAsync(connection: $",password={Old}", redis: redis);
        await using var load = await cluster.LoadAsync(new() { Seed = 51 });

        var changed = DateTimeOffset.UtcNow;
        await SetPasswordAsync(redis, New);
        await AssertNothingIsLostSinceAsync(changed, load); // who has signed in stays
        await KillClientsAsync(redis);
        foreach (var node in cluster.Nodes)
        {
            await Guard.UntilAsync(
                node.HealthAsync, static health => health.Contains("Verify if the Redis password", StringComparison.Ordinal), $"node {node.Settings.Name} says why");
        }

        await SetPasswordAsync(redis, Old);
        await EndAsync(cluster, load);
    }

    [Fact]
    public async Task ReplacedUnderLoad_OldAndNewValidMeanwhile_NothingIsLostUntilConnectionsAreCut_AndTheyComeBackWithTheNewOne()
    {
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, Old, TestContext.Current.CancellationToken);
            await using var redis = new RedisServer();
            redis.SkipUnlessAvailable();
            await redis.StartAsync();
            await SetUserAsync("on", "~*", "&*", "+@all", $">{Old}");
            await using var cluster = await FaultCluster.StartAsync(connection: ",user=sockets", passwordFile: file, redis: redis);
            await using var load = await cluster.LoadAsync(new() { Seed = 52 });

            var changed = DateTimeOffset.UtcNow;
            await SetUserAsync($">{New}");
            await File.WriteAllTextAsync(file, New, TestContext.Current.CancellationToken);
            await SetUserAsync($"<{Old}");
            await AssertNothingIsLostSinceAsync(changed, load);
            await KillClientsAsync(redis);

            await EndAsync(cluster, load);

            async Task SetUserAsync(params string[] rules) =>
                Assert.StartsWith("+OK", await redis.CommandAsync(["ACL", "SETUSER", "sockets", .. rules]), StringComparison.Ordinal);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<RedisServer> StartRedisAsync(string password)
    {
        var redis = new RedisServer { Password = password };
        redis.SkipUnlessAvailable();
        redis.ExtraArguments.Add("--requirepass");
        redis.ExtraArguments.Add(password);
        await redis.StartAsync();
        return redis;
    }

    private static async Task SetPasswordAsync(RedisServer redis, string password)
    {
        Assert.StartsWith("+OK", await redis.CommandAsync("CONFIG", "SET", "requirepass", password), StringComparison.Ordinal);
        redis.Password = password;
    }

    private static async Task AssertNothingIsLostSinceAsync(DateTimeOffset changed, HistoryLoad load)
    {
        await load.UntilFlowingAsync();
        await load.CollectLossesAsync();
        Assert.DoesNotContain(load.History.Snapshot().Losses, loss => loss.To > changed);
    }

    private static async Task KillClientsAsync(RedisServer redis)
    {
        foreach (var type in new[] { "pubsub", "normal" })
        {
            Assert.StartsWith(":", await redis.CommandAsync("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"), StringComparison.Ordinal);
        }
    }

    private static async Task EndAsync(FaultCluster cluster, HistoryLoad load, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        var normal = await load.UntilFlowingAsync();
        await cluster.UntilHealthyAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, name);
        verdict.AssertKept($"{load}");
    }
}
