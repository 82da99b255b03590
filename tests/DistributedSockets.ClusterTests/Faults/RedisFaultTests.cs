using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Redis hangs, forgets, refuses, or throws its clients out, while a load runs whose every message is accounted for.</summary>
public sealed class RedisFaultTests
{
    private static readonly Dictionary<string, string> ShortLease = new() { ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03" };

    [Fact]
    public Task FrozenFor5Seconds() => RunAsync(31, async (cluster, _) =>
    {
        await cluster.Redis.PauseAsync();
        await DelayAsync(5);
        await cluster.Redis.ResumeAsync();
    });

    [Fact]
    public Task KilledAndRestartedEmpty() => RunAsync(32, async (cluster, _) =>
    {
        await cluster.Redis.KillAsync();
        await DelayAsync(2);
        await cluster.Redis.StartAsync();
    });

    [Fact]
    public async Task KilledAndRestartedWithOlderData()
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease, redis: new RedisServer { KeepsData = true });
        await RunAsync(39, cluster, async load =>
        {
            await using var gone = await cluster.Node(0).ConnectAsync("gone", "group");
            await Guard.UntilAsync(() => cluster.Node(1).IsOnlineAsync("gone"), "the first session is stored");
            Assert.StartsWith("+OK", await cluster.Redis.CommandAsync("SAVE"), StringComparison.Ordinal);

            // What happens after the last save, Redis forgets; the leases it remembers.
            await gone.DisposeAsync();
            await using var kept = await cluster.Node(0).ConnectAsync("kept", "group");
            await Guard.UntilAsync(async () => await cluster.Node(1).IsOnlineAsync("kept") && !await cluster.Node(1).IsOnlineAsync("gone"), "the changes are stored");
            await cluster.Redis.KillAsync();
            await cluster.Redis.StartAsync();
            await load.UntilFlowingAsync();
            await cluster.UntilHealthyAsync();
            await Guard.UntilAsync(
                async () => (await cluster.Node(1).SessionsAsync("group=group")) is [{ UserId: "kept" }], "the sessions are those of now");
        });
    }

    [Theory]
    [InlineData("pubsub", 33)]
    [InlineData("normal", 34)]
    public Task ClientsKilled(string type, int seed) => RunAsync(seed, async (cluster, _) =>
    {
        for (var i = 0; i < 3; i++)
        {
            Assert.StartsWith(":", await cluster.Redis.CommandAsync("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"), StringComparison.Ordinal);
            await DelayAsync(1);
        }
    });

    [Fact]
    public Task Flushed() => RunAsync(35, async (cluster, load) =>
    {
        var flushed = DateTimeOffset.UtcNow;
        Assert.StartsWith("+OK", await cluster.Redis.CommandAsync("FLUSHALL"), StringComparison.Ordinal);
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await load.CollectLossesAsync();
        Assert.DoesNotContain(load.History.Snapshot().Losses, loss => loss.To > flushed); // messages do not depend on what is stored
    });

    [Fact]
    public Task OutOfMemory() => RunAsync(36, async (cluster, load) =>
    {
        SkipUnlessRedis(cluster);
        await cluster.Redis.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        await UntilDegradedAsync(cluster, "OOM");
        await load.UntilFlowingAsync();
        await DelayAsync(4); // longer than the lease, so that each node counts as lost
        await load.UntilFlowingAsync();
        await cluster.Redis.CommandAsync("CONFIG", "SET", "maxmemory", "0");
    });

    [Fact]
    public Task ReadOnlyReplicaInItsPlace() => RunAsync(37, async (cluster, load) =>
    {
        SkipUnlessRedis(cluster);

        // A replica of nobody: its primary cannot be reached, it serves what it has, and writes nothing.
        await cluster.Redis.CommandAsync("REPLICAOF", "127.0.0.1", "1");
        await UntilDegradedAsync(cluster, "READONLY");
        await load.UntilFlowingAsync();
        await cluster.Redis.CommandAsync("REPLICAOF", "NO", "ONE");
    });

    [Fact]
    public async Task PrimaryBecomesAReplica_AndItsAddressLeadsToTheNewOne()
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease, connection: ",configCheckSeconds=1", redis: new RedisServer());
        await using var promoted = new RedisServer();
        await promoted.StartAsync();
        await ReplicateAsync(cluster.Redis, promoted);
        await RunAsync(41, cluster, async _ =>
        {
            Assert.StartsWith("+OK", await promoted.CommandAsync("REPLICAOF", "NO", "ONE"), StringComparison.Ordinal);
            await ReplicateAsync(promoted, cluster.Redis);
            foreach (var proxy in cluster.Proxies)
            {
                proxy.LeadTo(promoted.EndPoint); // only new connections: nobody tells the nodes
            }

            await Guard.UntilAsync(async () => (await SubscribersAsync(cluster)).Count == 0, "no node listens to the old one");
        });

        static async Task ReplicateAsync(RespServer primary, RespServer replica)
        {
            Assert.StartsWith("+OK", await replica.CommandAsync("REPLICAOF", "127.0.0.1", $"{primary.Port}"), StringComparison.Ordinal);
            await Guard.UntilAsync(
                async () => (await replica.CommandAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal), "the replica is in step");
        }
    }

    [Fact]
    public Task NodeThatReadsTooSlowlyIsCutOff() => RunAsync(40, async (cluster, load) =>
    {
        SkipUnlessRedis(cluster);
        await cluster.Redis.CommandAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 256kb 256kb 1");
        var (slow, proxy) = (cluster.Node(1), cluster.Proxies[1]);
        var payload = new string('x', 60_000);
        var before = await slow.MetricAsync("events.possible_loss");
        var subscribers = await SubscribersAsync(cluster);

        // What is sent to a connection that does not exist reaches its node, and no client. The system's buffers have to be full first.
        proxy.Hold(FaultDirection.ToClient, FaultLinks.Subscriber);
        await Guard.UntilAsync(
            async () =>
            {
                await cluster.Node(0).SendAsync($"connection/{slow.NodeId}.AAAAAAAAAAAAAAAAAAAAAA", payload);
                return !(await SubscribersAsync(cluster)).IsSupersetOf(subscribers);
            },
            "Redis cuts the node off");
        proxy.Heal();

        await load.UntilFlowingAsync();
        await Guard.UntilAsync(async () => await slow.MetricAsync("events.possible_loss") > before, "the node reports the loss");
    });

    [Fact]
    public async Task Latency200Milliseconds()
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease);
        await cluster.UntilHealthyAsync(); // a node starts although Redis has not answered it yet, and reports that
        var slowed = DateTimeOffset.UtcNow;
        foreach (var proxy in cluster.Proxies)
        {
            proxy.Delay = TimeSpan.FromMilliseconds(200); // each way
        }

        await using var load = await cluster.LoadAsync(new() { Seed = 38, Transit = TimeSpan.FromSeconds(4) });
        await DelayAsync(6); // longer than the probe waits for an answer
        await cluster.UntilSessionsAreThoseOfAsync(load);
        foreach (var node in cluster.Nodes)
        {
            Assert.Equal("Healthy", await node.ReadinessAsync());
        }

        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, TimeSpan.Zero);
        verdict.AssertKept($"{load}");
        Assert.DoesNotContain(load.History.Snapshot().Losses, loss => loss.To > slowed);
        Assert.Equal(0, verdict.Refused);
    }

    /// <summary>The connections of subscribers, by Redis's id.</summary>
    private static async Task<HashSet<string>> SubscribersAsync(FaultCluster cluster) =>
        [.. (await cluster.Redis.CommandAsync("CLIENT", "LIST", "TYPE", "pubsub")).Split('\n').Where(static line => line.StartsWith("id=", StringComparison.Ordinal)).Select(static line => line.Split(' ')[0])];

    private static void SkipUnlessRedis(FaultCluster cluster) =>
        Assert.SkipUnless(cluster.Redis is RedisServer, "Only redis-server has this setting.");

    private static Task DelayAsync(int seconds) => Task.Delay(TimeSpan.FromSeconds(seconds), TestContext.Current.CancellationToken);

    private static async Task UntilDegradedAsync(FaultCluster cluster, string reason)
    {
        foreach (var node in cluster.Nodes)
        {
            await Guard.UntilAsync(
                node.HealthAsync,
                health => health.StartsWith("Degraded", StringComparison.Ordinal) && health.Contains(reason, StringComparison.Ordinal),
                $"node {node.Settings.Name} is degraded because of {reason}");
        }
    }

    private static async Task RunAsync(
        int seed, Func<FaultCluster, HistoryLoad, Task> fault, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease);
        await RunAsync(seed, cluster, load => fault(cluster, load), name);
    }

    private static async Task RunAsync(
        int seed, FaultCluster cluster, Func<HistoryLoad, Task> fault, [System.Runtime.CompilerServices.CallerMemberName] string name = "")
    {
        await using var load = await cluster.LoadAsync(new() { Seed = seed });
        await cluster.UntilHealthyAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await fault(load);
        var normal = await load.UntilFlowingAsync();
        await cluster.UntilHealthyAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, name);
        verdict.AssertKept($"{load}");
        Assert.Empty(load.CloseCodes); // whatever Redis does, clients stay
    }
}
