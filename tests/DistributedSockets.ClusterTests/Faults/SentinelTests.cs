using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Redis behind sentinels: who is the primary changes under load.</summary>
public sealed class SentinelTests
{
    [Fact]
    public async Task PrimaryKilled_EverythingWorksAgain_LossIsReported_AndTheOldPrimaryHarmsNobodyWhenItReturns()
    {
        await using var redis = await StartRedisAsync(replicas: 1);
        await RunAsync(redis, seed: 101, async (primary, load) =>
        {
            await primary.KillAsync();
            await UntilAnotherIsPrimaryAsync(redis, primary);
            var normal = await load.UntilFlowingAsync();

            // It comes as a primary of its own, until the sentinels tell it otherwise.
            await primary.StartAsync();
            await Guard.UntilAsync(() => IsReplicaAsync(primary), "the old primary is a replica");
            return normal;
        });
    }

    [Fact]
    public async Task PrimaryReplacedWhileItIsWell_NobodyStaysWithTheOldOne_AndLossIsReported()
    {
        await using var redis = await StartRedisAsync(replicas: 2);
        await RunAsync(redis, seed: 102, async (primary, load) =>
        {
            Assert.StartsWith("+OK", await redis.FailOverAsync(), StringComparison.Ordinal);
            await UntilAnotherIsPrimaryAsync(redis, primary);
            return await load.UntilFlowingAsync();
        });
    }

    [Fact]
    public async Task StartedWhileNoPrimaryIsElected_AcceptsClients_SaysWhatItMisses_AndJoinsTheClusterWhenOneIs()
    {
        await using var redis = await StartRedisAsync(replicas: 1);
        var primary = await redis.PrimaryAsync();
        await redis.KillSentinelsAsync();
        await primary.KillAsync();
        await using var node = await TestNodeProcess.StartAsync(new NodeSettings { Name = "alone", Redis = redis.ConnectionString });
        await using var client = await node.ConnectAsync("early", "group");
        Assert.Equal("Degraded", await node.ReadinessAsync());
        await Guard.UntilAsync(
            node.HealthAsync, static reason => reason.Contains("No sentinel is connected.", StringComparison.Ordinal), "the node says what it misses");

        await redis.RestartSentinelsAsync();
        await UntilAnotherIsPrimaryAsync(redis, primary);

        await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", "the node is healthy");
        await using var other = await TestNodeProcess.StartAsync(new NodeSettings { Name = "other", Redis = redis.ConnectionString });
        await Guard.UntilAsync(() => other.IsOnlineAsync("early"), "the other node knows the client");
        Assert.Equal(System.Net.HttpStatusCode.Accepted, await other.SendAsync("group/group", "hello"));
        await client.ExpectAsync("hello");
    }

    private static async Task<bool> IsReplicaAsync(RedisServer server)
    {
        try
        {
            return (await server.CommandAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal);
        }
        catch (IOException)
        {
            return false; // sentinels cut off the clients of a primary that they make a replica
        }
    }

    private static async Task<SentinelGroup> StartRedisAsync(int replicas)
    {
        new RedisServer().SkipUnlessAvailable();
        return await SentinelGroup.StartAsync(replicas);
    }

    private static Task UntilAnotherIsPrimaryAsync(SentinelGroup redis, RedisServer primary) =>
        Guard.UntilAsync(async () => await redis.PrimaryAsync() != primary, "another primary is elected");

    private static async Task RunAsync(
        SentinelGroup redis, int seed, Func<RedisServer, HistoryLoad, Task<TimeSpan>> fault, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        var nodes = await TestNodeProcess.StartAsync(
            [.. Enumerable.Range(0, 2).Select(index => new NodeSettings { Name = $"node{index}", Redis = redis.ConnectionString, Log = true })]);
        try
        {
            await using var load = await HistoryLoad.StartAsync(new() { Seed = seed, Logged = true }, () => nodes);
            var normal = await fault(await redis.PrimaryAsync(), load);
            foreach (var node in nodes)
            {
                await Guard.UntilAsync(async () => await node.MetricAsync("events.possible_loss") > 0, $"node {node.Settings.Name} reports the loss");
                await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Healthy", $"node {node.Settings.Name} is healthy");
                await Guard.UntilAsync(async () => (await node.SessionsAsync()).Length == load.Settings.Clients, $"node {node.Settings.Name} lists all sessions");
            }

            await load.UntilFlowingAsync();
            var verdict = await load.EndAsync();
            FaultReport.Write(load, verdict, normal, name);
            verdict.AssertKept($"{load}");
        }
        finally
        {
            foreach (var node in nodes)
            {
                await node.DisposeAsync();
            }
        }
    }
}
