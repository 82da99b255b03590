using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(a) Everyone on two nodes gets everything.</summary>
internal sealed class BroadcastScenario : Scenario
{
    public override string Key => "broadcast";

    public override string Title => "(a) Broadcast to 2 nodes × 1,000 connections";

    public override bool Supports(Peer peer) => true;

    public override bool SupportsClientInC => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        cluster.Connect(turn.Options.Connections ?? 2_000);
        var meter = turn.Meter(cluster);
        foreach (var payloadBytes in (int[])[128, 1024])
        {
            foreach (var outstanding in (int[])[8, 1])
            {
                turn.Add($"{payloadBytes} B, {outstanding} outstanding", cluster, meter.Measure(Flows(cluster, outstanding, payloadBytes), new WindowPace(1)));
            }
        }

        turn.Add("128 B, 10 broadcasts/s", cluster, meter.Measure(Flows(cluster, 8, 128), new RatePace(10)));
    }

    /// <summary>Broadcasts by so many connections, the nodes in turns.</summary>
    internal static Flow[] Flows(Cluster cluster, int senders, int payloadBytes)
    {
        var connections = cluster.Load.Connections;
        return [.. Enumerable.Range(0, senders).Select(i => new Flow(
            cluster.Peer.Dialect, (uint)i, cluster.Broadcasters(i), 'B', name: null, receivers: null, connections.Count, payloadBytes))];
    }
}
