using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>A Redis Cluster with sharded pub/sub changes under load.</summary>
public sealed class RedisClusterTests
{
    private const int SlotOfMany = 5_000; // any one will do

    [Fact]
    public Task PrimaryKilled_ItsReplicaTakesOver_EverythingWorksAgain_AndLossIsReported() => RunAsync(seed: 111, async (cluster, nodes, load) =>
    {
        var primary = cluster.Nodes[0];
        var replica = await cluster.ReplicaOfAsync(primary);
        await primary.KillAsync();
        foreach (var node in nodes)
        {
            await Guard.UntilAsync(
                node.HealthAsync, reason => reason.Contains(primary.EndPoint, StringComparison.Ordinal), $"node {node.Settings.Name} says which primary is away");
        }

        await cluster.UntilOwnerAsync(replica, 0);
        var normal = await load.UntilFlowingAsync();
        await primary.StartAsync();
        await cluster.SettledAsync();
        return normal;
    });

    [Fact]
    public Task PrimaryReplacedWhileItIsWell_AndSlotMigrated_EverythingWorksAgain_AndLossIsReported() => RunAsync(seed: 112, async (cluster, nodes, load) =>
    {
        var primary = cluster.Nodes[0];
        var replica = await cluster.ReplicaOfAsync(primary);
        Assert.StartsWith("+OK", await replica.CommandAsync("CLUSTER", "FAILOVER"), StringComparison.Ordinal);
        await cluster.UntilOwnerAsync(replica, 0);
        await load.UntilFlowingAsync();
        await cluster.MigrateAsync(SlotOfMany, cluster.Nodes[2]);
        return await load.UntilFlowingAsync();
    });

    private static async Task RunAsync(
        int seed,
        Func<RedisCluster, TestNodeProcess[], HistoryLoad, Task<TimeSpan>> fault,
        [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        await using var cluster = await RedisCluster.StartAsync();
        var nodes = await TestNodeProcess.StartAsync(
            [.. Enumerable.Range(0, 3).Select(index => new NodeSettings { Name = $"node{index}", Transport = ["--redis-cluster", cluster.ConnectionString], Log = true })]);
        try
        {
            await using var load = await HistoryLoad.StartAsync(new() { Seed = seed, Logged = true }, () => nodes);
            var normal = await fault(cluster, nodes, load);
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
