using DistributedSockets.Benchmarks.Load;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(h) One client of many stops reading.</summary>
internal sealed class SlowReaderScenario : Scenario
{
    private const int Connections = 1_000;
    private const double BroadcastsPerSecond = 50;

    public override string Key => "slow-reader";

    public override string Title => "(h) One of 1,000 connections on two nodes stops reading, 1 KiB broadcasts at 50/s: the other 999";

    public override bool Supports(Peers.Peer peer) => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        cluster.Connect(Connections);
        var meter = turn.Meter(cluster);
        turn.Add("all read", cluster, meter.Measure(Flows(Connections - 1), new RatePace(BroadcastsPerSecond)));
        cluster.Client.Pause(cluster.Client.Connections[^1]);
        turn.Add("one does not", cluster, meter.Measure(Flows(Connections - 1), new RatePace(BroadcastsPerSecond)));

        // The last one does not count in either case: what it gets is no delivery, and no fault.
        Flow[] Flows(int receivers) => [.. Enumerable.Range(0, 2).Select(i => new Flow(
            cluster.Peer.Dialect, (uint)i, cluster.Broadcasters(i), 'B', name: null, receivers: null, receivers, 1_024, ignoresOthers: true))];
    }
}
