using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(k) The broadcasts of (a) and the groups of (c), logged and not.</summary>
internal sealed class LoggedScenario : Scenario
{
    public override string Key => "logged";

    public override string Title => "(k) Logged and not: broadcast to 2 nodes × 1,000 connections, and 1,000 groups of 10 over two nodes, 128 B";

    public override bool Supports(Peer peer) => peer.CanLog;

    public override bool SupportsClientInC => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        foreach (var logged in (bool[])[false, true])
        {
            var how = logged ? "logged" : "not logged";
            await using (var cluster = await turn.StartAsync(2, logged: logged))
            {
                cluster.Connect(turn.Options.Connections ?? 2_000);
                var meter = turn.Meter(cluster);
                foreach (var outstanding in (int[])[8, 1])
                {
                    turn.Add(
                        $"broadcast, {outstanding} outstanding, {how}",
                        cluster,
                        meter.Measure(BroadcastScenario.Flows(cluster, outstanding, 128), new WindowPace(1)));
                }
            }

            await using (var cluster = await turn.StartAsync(2, logged: logged))
            {
                GroupScenario.Connect(cluster);
                turn.Add(
                    $"groups, 64 senders, window 1, {how}",
                    cluster,
                    turn.Meter(cluster).Measure(GroupScenario.Flows(cluster), new WindowPace(1, GroupScenario.Senders)));
            }
        }
    }
}
