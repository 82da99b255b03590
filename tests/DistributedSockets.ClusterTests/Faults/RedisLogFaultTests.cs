using System.Runtime.CompilerServices;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes that log what goes to users and groups, and a Redis that fails: nothing is missing but what the log itself has lost, and that is told once.</summary>
public sealed class RedisLogFaultTests
{
    private const int Hubs = 2; // of a test node

    private static readonly Dictionary<string, string> ShortLease = new() { ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03" };

    [Fact]
    public async Task SubscriberLinkCutAndSilenced_WhileThatOfCommandsLives_NothingIsMissing()
    {
        await using var cluster = await FaultCluster.StartAsync(3, ShortLease, connection: ",protocol=resp2", log: true);
        await RunAsync(201, cluster, async load =>
        {
            for (var i = 0; i < 4; i++)
            {
                cluster.Proxies[i % 2].Cut(FaultLinks.Subscriber);
                await load.UntilFlowingAsync();
            }

            cluster.Proxies[2].Swallow(FaultDirection.ToClient, FaultLinks.Subscriber);
            await Guard.UntilAsync(cluster.Node(2).ReadinessAsync, static readiness => readiness == "Degraded", "the silence is noticed");
            cluster.Proxies[2].Heal();
        });
    }

    [Fact]
    public async Task RedisStopped_Killed_AndEachTimeThereWithItsData_ThenANodeKilled_NothingIsMissing()
    {
        var redis = new RedisServer { KeepsData = true, ExtraArguments = { "--appendonly", "yes", "--appendfsync", "always" } };
        await using var cluster = await FaultCluster.StartAsync(3, ShortLease, redis: redis, log: true);
        await RunAsync(202, cluster, async load =>
        {
            await cluster.Redis.StopAsync();
            await cluster.UntilDegradedAsync();
            await cluster.Redis.StartAsync();
            await load.UntilFlowingAsync();
            await cluster.Redis.KillAsync();
            await cluster.UntilDegradedAsync();
            await cluster.Redis.StartAsync();
            await load.UntilFlowingAsync();
            await load.CollectLossesAsync();
            await cluster.KillNodeAsync(1);
            await cluster.StartNodeAsync(1);
        });
    }

    [Theory]
    [InlineData(false, 203)]
    [InlineData(true, 204)]
    public async Task RestartedEmpty_EveryNodeIsToldOfTheGapOnce_AndNothingElseIsMissing(bool isGarnet, int seed)
    {
        await using var cluster = await FaultCluster.StartAsync(3, ShortLease, redis: isGarnet ? new GarnetServer() : new RedisServer(), log: true);
        await RunAsync(
            seed,
            cluster,
            async load =>
            {
                cluster.Proxies[0].Cut();
                await load.UntilFlowingAsync();
                await cluster.Redis.KillAsync();
                await cluster.UntilDegradedAsync();
                await cluster.Redis.StartAsync();
            },
            mayLose: true);

        foreach (var node in cluster.Nodes)
        {
            // One for each hub of the node. Those that come within a second are told together, and a little later.
            var told = await Guard.UntilAsync(() => GapsAsync(node), static told => told.Count >= Hubs, $"node {node.Settings.Name} has told of the gap");
            Assert.Equal(Hubs, told.Count);
            Assert.All(told.Descriptions, static description => Assert.Contains("has begun anew", description, StringComparison.Ordinal));
        }
    }

    /// <summary>What a node has told of gaps of its logs, and of how many.</summary>
    private static async Task<(int Count, string[] Descriptions)> GapsAsync(TestNodeProcess node)
    {
        string[] told = [.. (await node.EventsAsync())
            .Where(static happened => happened is { Event: "possible_loss", Cause: "MessageLog" })
            .Select(static happened => happened.Description!)]; // a loss has one
        return (told.Sum(static description => description.EndsWith("(2 times)", StringComparison.Ordinal) ? 2 : 1), told);
    }

    private static async Task RunAsync(
        int seed, FaultCluster cluster, Func<HistoryLoad, Task> fault, bool mayLose = false, [CallerMemberName] string name = "")
    {
        await using var load = await cluster.LoadAsync(new() { Seed = seed, Logged = true });
        await cluster.UntilHealthyAsync();
        await fault(load);
        var normal = await load.UntilFlowingAsync();
        await load.UntilConnectedAsync();
        await cluster.UntilHealthyAsync();
        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, name);
        verdict.AssertKept($"{load}");
        var losses = load.History.Snapshot().Losses;
        Assert.True(mayLose || !losses.Any(static loss => loss.IsOfLog), $"{load}: {string.Join(Environment.NewLine, losses.Where(static loss => loss.IsOfLog))}");
    }
}
