using System.Globalization;

namespace DistributedSockets.ClusterTests;

/// <summary>Faults by chance, one or two at a time, while a load runs whose every message is accounted for.</summary>
/// <remarks>
/// <c>CHAOS_SEED</c> sets the seed that decides what happens and when; <c>CHAOS_SECONDS</c> sets for how long. A failed run tells its seed
/// and what was done.
/// </remarks>
public sealed class ChaosTests
{
    private const int NodeCount = 3;

    private static readonly Dictionary<string, string> ShortLease = new() { ["HeartbeatInterval"] = "00:00:00.5", ["LeaseExpiry"] = "00:00:03" };

    private readonly List<string> _done = [];

    [Fact]
    public async Task FaultsByChance_EveryMessageIsDeliveredOnceOrKnownToBeLost()
    {
        var seed = Setting("CHAOS_SEED", 4_711);
        var seconds = Setting("CHAOS_SECONDS", 25);
        var random = new Random(seed);
        await using var cluster = await FaultCluster.StartAsync(NodeCount, ShortLease, log: true);
        await using var load = await cluster.LoadAsync(new() { Seed = seed, Clients = 60, Logged = true });
        var until = DateTimeOffset.UtcNow.AddSeconds(seconds);
        var slowest = TimeSpan.Zero;
        try
        {
            while (DateTimeOffset.UtcNow < until)
            {
                if (random.Next(4) == 0)
                {
                    await HarmNodeAsync(cluster, load, random);
                }
                else
                {
                    await HarmNetworkAsync(cluster, random);
                }

                var normal = await load.UntilFlowingAsync();
                slowest = normal > slowest ? normal : slowest;
            }

            await load.UntilConnectedAsync();
            await cluster.UntilHealthyAsync();
            await cluster.UntilSessionsAreThoseOfAsync(load);
        }
        catch (TimeoutException exception)
        {
            throw new TimeoutException($"Seed {seed}, after {string.Join(", ", _done)}: {exception.Message}", exception);
        }

        var verdict = await load.EndAsync();
        FaultReport.Write(load, verdict, slowest, $"{_done.Count} faults by chance");
        verdict.AssertKept($"{load}, {string.Join(", ", _done)}");
        AssertTold(await cluster.StartedSessionsAsync(), await cluster.LostSessionsAsync(), load.OpenIds);
    }

    /// <summary>A node that lost its lease starts its sessions once more; so none ends more often than it started, and an open one less often.</summary>
    private static void AssertTold(List<string> started, List<string> lost, IReadOnlyList<string> open)
    {
        var starts = started.CountBy(static id => id).ToDictionary(StringComparer.Ordinal);
        var ends = lost.CountBy(static id => id).ToDictionary(StringComparer.Ordinal);

        // A node that was killed may have taken the news of a start with it, but only of the first.
        Assert.All(ends, end => Assert.True(end.Value <= Math.Max(1, starts.GetValueOrDefault(end.Key)), $"{end.Key} was lost {end.Value} times."));
        Assert.All(open, id => Assert.True(starts.GetValueOrDefault(id) > ends.GetValueOrDefault(id), $"{id} is open, and was reported as lost last."));
    }

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : usual;

    private static Task DelayAsync(Random random, int most) => Task.Delay(random.Next(most), TestContext.Current.CancellationToken);

    /// <summary>Harms one or two links, or Redis itself, for up to four seconds.</summary>
    private async Task HarmNetworkAsync(FaultCluster cluster, Random random)
    {
        var first = random.Next(NodeCount);
        await HarmAsync(cluster, first, random);
        if (random.Next(2) == 0)
        {
            await HarmAsync(cluster, (first + 1 + random.Next(NodeCount - 1)) % NodeCount, random);
        }

        await DelayAsync(random, 4_000);
        foreach (var proxy in cluster.Proxies)
        {
            proxy.Heal();
        }
    }

    private async Task HarmAsync(FaultCluster cluster, int index, Random random)
    {
        var proxy = cluster.Proxies[index];
        var direction = (FaultDirection)random.Next(2);
        var links = (FaultLinks)random.Next(3);
        var fault = random.Next(10);
        _done.Add($"{fault switch
        {
            0 => $"cut {links}",
            1 => "refuse",
            2 => $"swallow {direction} {links}",
            3 => $"hold {direction} {links}",
            4 => $"half-open {links}",
            5 => $"garbage {direction} {links}",
            6 => "delay",
            7 => "Redis frozen",
            8 => "Redis restarted",
            _ => "Redis flushed and its clients killed",
        }} at {index}");
        switch (fault)
        {
            case 0:
                proxy.Cut(links);
                break;
            case 1:
                proxy.Refuse();
                break;
            case 2:
                proxy.Swallow(direction, links);
                break;
            case 3:
                proxy.Hold(direction, links);
                break;
            case 4:
                proxy.HalfOpen(links);
                break;
            case 5:
                proxy.Inject(direction, "\r\n!\0\u00ff$-7\r\n*99999999\r\n"u8, links);
                break;
            case 6:
                proxy.Delay = TimeSpan.FromMilliseconds(random.Next(200));
                break;
            case 7:
                await cluster.Redis.PauseAsync();
                await DelayAsync(random, 4_000);
                await cluster.Redis.ResumeAsync();
                break;
            case 8:
                await cluster.Redis.KillAsync();
                await DelayAsync(random, 2_000);
                await cluster.Redis.StartAsync();
                break;
            default:
                await cluster.Redis.CommandAsync("FLUSHALL");
                await cluster.Redis.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub");
                await cluster.Redis.CommandAsync("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
                break;
        }
    }

    /// <summary>Kills, stops or freezes a node, and starts another in its place.</summary>
    private async Task HarmNodeAsync(FaultCluster cluster, HistoryLoad load, Random random)
    {
        var index = random.Next(NodeCount);
        var fault = random.Next(3);
        _done.Add($"node {index} {(fault == 0 ? "killed" : fault == 1 ? "stopped" : "frozen")}");
        if (fault == 2)
        {
            cluster.Node(index).Freeze();
            await DelayAsync(random, 5_000);
            cluster.Node(index).Thaw();
            return;
        }

        // A node that is gone can report nothing more; what it owes is asked for before.
        await cluster.UntilHealthyAsync();
        await load.CollectLossesAsync();
        await cluster.CollectEventsAsync();
        if (fault == 0)
        {
            await cluster.KillNodeAsync(index);
        }
        else
        {
            var leaving = cluster.TakeOut(index);
            leaving.Terminate();
            Assert.Equal(0, await leaving.ExitAsync());
        }

        await DelayAsync(random, 2_000);
        await cluster.StartNodeAsync(index);
    }
}
