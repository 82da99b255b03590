namespace DistributedSockets.ClusterTests;

/// <summary>Faults of the network between one node and Redis, while a load runs whose every message is accounted for.</summary>
public sealed class NetworkFaultTests
{
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Short = TimeSpan.FromSeconds(3);

    [Fact]
    public Task LinksCutAgainAndAgain() => RunAsync(1, async (proxy, _) =>
    {
        for (var i = 0; i < 5; i++)
        {
            proxy.Cut();
            await DelayAsync(TimeSpan.FromMilliseconds(300 * i));
        }
    });

    [Fact]
    public Task RedisUnreachable() => RunAsync(2, async (proxy, node) =>
    {
        proxy.Refuse();
        await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", "the node is degraded");
        await DelayAsync(Short);
    });

    [Theory]
    [InlineData(FaultDirection.ToServer, 3)]
    [InlineData(FaultDirection.ToClient, 4)]
    public Task BlackHoleInOneDirection(object direction, int seed) => RunAsync(seed, async (proxy, node) =>
    {
        proxy.Swallow((FaultDirection)direction);
        await Guard.UntilAsync(node.ReadinessAsync, static readiness => readiness == "Degraded", "the node is degraded");
        await DelayAsync(Short);
    });

    [Fact]
    public Task NothingPassesForAWhile() => RunAsync(5, async (proxy, _) =>
    {
        proxy.Hold(FaultDirection.ToClient);
        proxy.Hold(FaultDirection.ToServer);
        await DelayAsync(Short);
    });

    [Fact]
    public Task HalfOpenLinks() => RunAsync(6, async (proxy, node) =>
    {
        proxy.HalfOpen();
        await Guard.UntilAsync(async () => await node.ReadinessAsync() == "Degraded" || await node.MetricAsync("events.possible_loss") > 0, "the node notices");
    });

    [Theory]
    [InlineData(FaultDirection.ToServer, 7)]
    [InlineData(FaultDirection.ToClient, 8)]
    public Task Garbage(object direction, int seed) => RunAsync(seed, async (proxy, _) =>
    {
        proxy.Inject((FaultDirection)direction, "\r\n!!!! \0\u00ff$-7\r\n*9999999999\r\n"u8);
        await DelayAsync(Short);
    });

    [Fact]
    public Task NarrowLink() => RunAsync(9, async (proxy, _) =>
    {
        proxy.BytesPerSecond = 100_000;
        await DelayAsync(Short);
    });

    [Fact]
    public async Task SubscriptionHealthyButSilent_IsNoticedAndRepaired()
    {
        await using var cluster = await FaultCluster.StartAsync(connection: ",protocol=resp2");
        await using var load = await cluster.LoadAsync(new() { Seed = 10 });
        cluster.Proxies[0].Swallow(FaultDirection.ToClient, FaultLinks.Subscriber);

        // The connection stays silent, so only a new one helps: the node has to find out by itself, and to make it.
        await Guard.UntilAsync(cluster.Node(0).ReadinessAsync, static readiness => readiness == "Degraded", "the silence is noticed");
        await EndAsync(cluster, load, "SubscriptionHealthyButSilent");
    }

    private static Task DelayAsync(TimeSpan time) => Task.Delay(time, TestContext.Current.CancellationToken);

    private static async Task RunAsync(int seed, Func<FaultProxy, TestNodeProcess, Task> fault, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        await using var cluster = await FaultCluster.StartAsync();
        await using var load = await cluster.LoadAsync(new() { Seed = seed });
        await DelayAsync(Before);
        await fault(cluster.Proxies[0], cluster.Node(0));
        await EndAsync(cluster, load, name);
    }

    private static async Task EndAsync(FaultCluster cluster, HistoryLoad load, string name)
    {
        cluster.Proxies[0].Heal();
        var normal = await load.UntilFlowingAsync();
        await cluster.UntilHealthyAsync();
        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, name);
        verdict.AssertKept($"{load}");
    }
}
