using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(b) 64 connections each send to a user on the other node.</summary>
internal sealed class UserScenario : Scenario
{
    private const int Senders = 64;

    public override string Key => "user";

    public override string Title => "(b) To a user on the other node, 64 senders, 128 B";

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        cluster.Connect(turn.Options.Connections ?? 2_000, static i => $"user{i}");
        var meter = turn.Meter(cluster);
        turn.Add("window 1", cluster, meter.Measure(Flows(cluster), new WindowPace(1)));
        turn.Add("window 16", cluster, meter.Measure(Flows(cluster), new WindowPace(16)));
        turn.Add("1,000/s", cluster, meter.Measure(Flows(cluster), new RatePace(1_000)));
    }

    /// <summary>Each sender's user is the next connection but for the senders: on the other of two nodes.</summary>
    internal static Flow[] Flows(Cluster cluster)
    {
        var connections = cluster.Client.Connections;
        return [.. Enumerable.Range(0, Senders).Select(i =>
        {
            var sender = connections[i];
            var receiver = connections.Skip(Senders + (i * 3)).First(other => other.Node != sender.Node && other.Node < 2);
            return new Flow(cluster.Peer.Dialect, (uint)i, sender, 'U', receiver.User, [receiver], 1, 128);
        })];
    }
}
