using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(b) 64 connections each send to a user on the other node.</summary>
internal sealed class UserScenario : Scenario
{
    private const int Senders = 64;

    public override string Key => "user";

    public override string Title => "(b) To a user on the other node, 64 senders, 128 B";

    public override bool SupportsClientInC => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        cluster.Connect(turn.Options.Connections ?? 2_000, static i => $"user{i}");
        var meter = turn.Meter(cluster);
        turn.Add("window 1", cluster, meter.Measure(Flows(cluster), new WindowPace(1)));
        turn.Add("window 16", cluster, meter.Measure(Flows(cluster), new WindowPace(16)));
        turn.Add("1,000/s", cluster, meter.Measure(Flows(cluster), new RatePace(1_000)));
    }

    /// <summary>Senders on the first two nodes, each with a user of its own on the other of these.</summary>
    internal static Flow[] Flows(Cluster cluster)
    {
        LoadConnection[][] nodes = [.. Enumerable.Range(0, 2).Select(node => cluster.Load.Connections.Where(connection => connection.Node == node).ToArray())];
        return [.. Enumerable.Range(0, Senders).Select(i =>
        {
            var sender = nodes[i % 2][i];
            var receiver = nodes[1 - (i % 2)][Senders + i];
            return new Flow(cluster.Peer.Dialect, (uint)i, [sender], 'U', receiver.User, [receiver], 1, 128);
        })];
    }
}
