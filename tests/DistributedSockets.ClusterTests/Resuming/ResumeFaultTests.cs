using System.Globalization;
using System.Runtime.CompilerServices;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Sessions whose clients come back to any node, while nodes and a Redis that keeps its data fail: whatever is logged for them arrives once and in order, and no session is lost.</summary>
/// <remarks>
/// <c>RESUME_CHAOS_SEED</c> sets the seed that decides what happens in the run by chance; <c>RESUME_CHAOS_SECONDS</c> sets for how long. A failed run tells its seed and what was done.
/// </remarks>
public sealed class ResumeFaultTests
{
    private const int NodeCount = 3;

    private readonly List<string> _done = [];

    [Fact]
    public async Task NodesKilled_UnderLoad_NothingIsMissing()
    {
        await using var cluster = await StartAsync();
        await RunAsync(301, cluster, async load =>
        {
            for (var index = 0; index < 2; index++)
            {
                await load.CollectLossesAsync();
                await cluster.KillNodeAsync(index);
                await load.UntilFlowingAsync(); // its clients have come back to those that are left
                await cluster.StartNodeAsync(index);
                await load.UntilFlowingAsync();
            }
        });
    }

    [Fact]
    public async Task ClientsThatBlink_TowardsAlternatingNodes_MissNothing()
    {
        await using var cluster = await StartAsync();
        await RunAsync(302, cluster, static load => load.UntilResumedAsync(times: 6), blinking: 16);
    }

    [Fact]
    public async Task RedisStopped_AndKilled_AndThereAgainWithItsData_NothingIsMissing()
    {
        await using var cluster = await StartAsync();
        await RunAsync(
            303,
            cluster,
            async load =>
            {
                await cluster.Redis.StopAsync();
                await cluster.UntilDegradedAsync();
                await cluster.Redis.StartAsync();
                await load.UntilFlowingAsync();
                await cluster.Redis.KillAsync();
                await cluster.UntilDegradedAsync();
                await cluster.Redis.StartAsync();
                await load.UntilFlowingAsync();
            },
            blinking: 4);
    }

    [Fact]
    public async Task FaultsByChance_NothingIsMissing()
    {
        var seed = Setting("RESUME_CHAOS_SEED", 2_020);
        var random = new Random(seed);
        await using var cluster = await StartAsync();
        await RunAsync(
            seed,
            cluster,
            async load =>
            {
                var until = DateTimeOffset.UtcNow.AddSeconds(Setting("RESUME_CHAOS_SECONDS", 20));
                while (DateTimeOffset.UtcNow < until)
                {
                    await HarmAsync(cluster, load, random);
                    await load.UntilFlowingAsync();
                }
            },
            blinking: 8);
    }

    private static Task<FaultCluster> StartAsync() => FaultCluster.StartAsync(
        NodeCount, ResumeFaultRun.Options, redis: new RedisServer { KeepsData = true, ExtraArguments = { "--appendonly", "yes", "--appendfsync", "always" } }, log: true);

    private static int Setting(string name, int usual) =>
        int.TryParse(Environment.GetEnvironmentVariable(name), CultureInfo.InvariantCulture, out var value) ? value : usual;

    private static Task DelayAsync(Random random, int most) => Task.Delay(random.Next(most), TestContext.Current.CancellationToken);

    private async Task HarmAsync(FaultCluster cluster, HistoryLoad load, Random random)
    {
        var index = random.Next(NodeCount);
        var fault = random.Next(6);
        _done.Add($"{fault switch
        {
            0 => "killed",
            1 => "stopped",
            2 => "frozen",
            3 => "links cut",
            4 => "links silent",
            _ => "Redis killed",
        }} at {index}");
        switch (fault)
        {
            case 0 or 1:
                await load.CollectLossesAsync(); // a node that is gone can report nothing more
                var leaving = cluster.TakeOut(index);
                if (fault == 0)
                {
                    await leaving.KillAsync();
                }
                else
                {
                    leaving.Terminate();
                    Assert.Equal(0, await leaving.ExitAsync());
                }

                await DelayAsync(random, 2_000);
                await cluster.StartNodeAsync(index);
                break;
            case 2:
                cluster.Node(index).Freeze();
                await DelayAsync(random, 5_000); // also longer than its lease
                cluster.Node(index).Thaw();
                break;
            case 3:
                cluster.Proxies[index].Cut((FaultLinks)random.Next(3));
                break;
            case 4:
                cluster.Proxies[index].Swallow((FaultDirection)random.Next(2), (FaultLinks)random.Next(3));
                await DelayAsync(random, 4_000);
                cluster.Proxies[index].Heal();
                break;
            default:
                await cluster.Redis.KillAsync();
                await DelayAsync(random, 2_000);
                await cluster.Redis.StartAsync();
                break;
        }
    }

    private Task RunAsync(int seed, FaultCluster cluster, Func<HistoryLoad, Task> fault, int blinking = 0, [CallerMemberName] string name = "") =>
        ResumeFaultRun.RunAsync(seed, cluster, fault, blinking, done: _done, name: name);
}
