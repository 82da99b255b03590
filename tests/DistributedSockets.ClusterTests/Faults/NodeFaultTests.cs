using System.Diagnostics;

namespace DistributedSockets.ClusterTests;

/// <summary>Nodes that die, hang, stop, and lose track of time, while a load runs whose every message is accounted for.</summary>
public sealed class NodeFaultTests
{
    private static readonly TimeSpan Before = TimeSpan.FromSeconds(1);

    private static readonly Dictionary<string, string> ShortLease = new() { ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03" };

    // A machine with more to do than processors must not be taken for a Redis that is away, where the test is about something else.
    private static readonly Dictionary<string, string> Patient = new() { ["Redis__OperationTimeout"] = "00:00:20" };

    [Fact]
    public async Task Killed()
    {
        await using var cluster = await FaultCluster.StartAsync(3, ShortLease);
        await using var load = await cluster.LoadAsync(new() { Seed = 21, Clients = 60 });
        await DelayAsync(Before);
        await cluster.UntilSessionsAreThoseOfAsync(load);
        var victims = load.OpenIdsOf(cluster.Node(0));

        await cluster.KillNodeAsync(0);

        var normal = await load.UntilFlowingAsync();
        await load.UntilConnectedAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await Guard.UntilAsync(async () => (await cluster.LostSessionsAsync()).Count >= victims.Length, "the lost sessions are reported");
        await cluster.StartNodeAsync(0);
        await load.UntilFlowingAsync();
        await JudgeAsync(load, normal, nameof(Killed));
        Assert.Equal(victims.Order(), (await cluster.LostSessionsAsync()).Order());
    }

    [Fact]
    public async Task AllKilledAtOnce()
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease);
        await using var load = await cluster.LoadAsync(new() { Seed = 22 });
        await cluster.UntilSessionsAreThoseOfAsync(load);
        var victims = load.OpenIds;

        await Task.WhenAll(cluster.KillNodeAsync(0), cluster.KillNodeAsync(1));
        var started = Stopwatch.GetTimestamp();
        await Task.WhenAll(cluster.StartNodeAsync(0), cluster.StartNodeAsync(1));

        await load.UntilConnectedAsync();
        await load.UntilFlowingAsync();
        var normal = Stopwatch.GetElapsedTime(started);
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await Guard.UntilAsync(async () => (await cluster.LostSessionsAsync()).Count >= victims.Count, "the lost sessions are reported");
        await JudgeAsync(load, normal, nameof(AllKilledAtOnce));
        Assert.Equal(victims.Order(), (await cluster.LostSessionsAsync()).Order());
    }

    [Fact]
    public async Task FrozenBeyondItsLease()
    {
        await using var cluster = await FaultCluster.StartAsync(2, ShortLease);
        await using var load = await cluster.LoadAsync(new() { Seed = 23 });
        await cluster.UntilSessionsAreThoseOfAsync(load);
        var (frozen, awake) = (cluster.Node(0), cluster.Node(1));
        var held = load.OpenIdsOf(frozen);

        frozen.Freeze();
        await Guard.UntilAsync(async () => (await LostAsync(awake)).Count >= held.Length, "its sessions are reported as lost");
        frozen.Thaw();

        var normal = await load.UntilFlowingAsync();
        await load.UntilConnectedAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await cluster.UntilHealthyAsync();
        await JudgeAsync(load, normal, nameof(FrozenBeyondItsLease));
        Assert.Equal(held.Order(), (await cluster.LostSessionsAsync()).Order());

        static async Task<List<EventAnswer>> LostAsync(TestNodeProcess node) =>
            [.. (await node.EventsAsync()).Where(static happened => happened.Cause == "node_lost")];
    }

    [Fact]
    public async Task Drained()
    {
        await using var cluster = await FaultCluster.StartAsync(2, Patient);
        await using var load = await cluster.LoadAsync(new() { Seed = 24, Clients = 60, SendsPerSecond = 300 });
        await DelayAsync(Before);
        var leaving = cluster.TakeOut(0);
        var left = load.OpenIdsOf(leaving);

        leaving.Terminate();
        var started = Stopwatch.GetTimestamp();

        Assert.Equal(0, await leaving.ExitAsync());
        var normal = Stopwatch.GetElapsedTime(started);
        await load.UntilConnectedAsync();
        await load.UntilFlowingAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await JudgeAsync(load, normal, nameof(Drained));
        Assert.Equal(Enumerable.Repeat(1001, left.Length), load.CloseCodes);
        Assert.Empty(await cluster.LostSessionsAsync());
        await AssertNoLossAsync(cluster.Node(1));
    }

    [Fact]
    public async Task ClockSetForwardAndBackByAnHour()
    {
        await using var cluster = await FaultCluster.StartAsync(2, new Dictionary<string, string>([.. ShortLease, .. Patient]) { ["MaxConnectionAge"] = "00:30:00" });
        await using var load = await cluster.LoadAsync(new() { Seed = 25 });
        var connected = load.OpenIds;
        foreach (var hours in new[] { 1, -1, 0 })
        {
            await cluster.Node(0).JumpClockAsync(TimeSpan.FromHours(hours));
            await DelayAsync(TimeSpan.FromSeconds(4)); // longer than the lease
            await load.UntilFlowingAsync();
        }

        await cluster.UntilHealthyAsync();
        await cluster.UntilSessionsAreThoseOfAsync(load);
        await JudgeAsync(load, TimeSpan.Zero, nameof(ClockSetForwardAndBackByAnHour));
        Assert.Empty(load.CloseCodes);
        Assert.Empty(await cluster.LostSessionsAsync());
        await AssertNoLossAsync(cluster.Node(0));
        Assert.Equal(connected.Order(), load.OpenIds.Order());
    }

    private static async Task AssertNoLossAsync(TestNodeProcess node)
    {
        EventAnswer[] losses = [.. (await node.EventsAsync()).Where(static happened => happened.Event == "possible_loss")];
        Assert.Empty(losses);
        Assert.Equal(0, await node.MetricAsync("events.possible_loss"));
    }

    private static Task DelayAsync(TimeSpan time) => Task.Delay(time, TestContext.Current.CancellationToken);

    private static async Task JudgeAsync(HistoryLoad load, TimeSpan normal, string test)
    {
        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, normal, test);
        verdict.AssertKept($"{load}");
    }
}
