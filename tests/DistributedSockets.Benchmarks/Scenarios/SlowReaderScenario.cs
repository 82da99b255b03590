using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(h) One client of many stops reading.</summary>
internal sealed class SlowReaderScenario : Scenario
{
    internal const int Connections = 1_000;
    internal const double BroadcastsPerSecond = 50;

    public override string Key => "slow-reader";

    public override string Title => "(h) One of 1,000 connections on two nodes stops reading, 1 KiB broadcasts at 50/s: the other 999";

    public override bool Supports(Peer peer) => true;

    public override bool SupportsClientInC => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        cluster.Connect(Connections);
        var meter = turn.Meter(cluster);
        turn.Add("all read", cluster, meter.Measure(Flows(cluster), new RatePace(BroadcastsPerSecond)));
        cluster.Load.Pause(cluster.Load.Connections[^1]);
        turn.Add("one does not", cluster, meter.Measure(Flows(cluster), new RatePace(BroadcastsPerSecond)));
    }

    /// <summary>Broadcasts to all but the last connection, which does not count: what it gets is no delivery, and no fault.</summary>
    internal static Flow[] Flows(Cluster cluster) => [.. Enumerable.Range(0, 2).Select(i => new Flow(
        cluster.Peer.Dialect, (uint)i, cluster.Broadcasters(i), 'B', name: null, receivers: null, cluster.Load.Connections.Count - 1, 1_024, ignoresOthers: true))];
}
