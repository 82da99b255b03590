using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(e) What clients send: echoed, or received and dropped.</summary>
internal sealed class InboundScenario : Scenario
{
    private const int Senders = 64;
    private const int DroppedPerEcho = 31;

    public override string Key => "inbound";

    public override string Title => "(e) Inbound on one node, 64 of 1,000 connections send 128 B";

    public override bool Supports(Peer peer) => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(1);
        cluster.Connect(turn.Options.Connections ?? 1_000);
        var meter = turn.Meter(cluster);
        turn.Add("echo, window 1", cluster, meter.Measure(Flows(cluster, 0), new WindowPace(1)));
        turn.Add("echo, window 16", cluster, meter.Measure(Flows(cluster, 0), new WindowPace(16)));

        // An echo behind every 31 messages that are dropped tells that they were received, and keeps the pace; all 32 count.
        var values = meter.Measure(Flows(cluster, DroppedPerEcho), new WindowPace(2));
        foreach (var each in (string[])[Metric.ServerCpu, Metric.ClientCpu, Metric.RedisCpu, Metric.AllocatedBytes])
        {
            if (values.TryGetValue(each, out var value))
            {
                values[each] = value / (DroppedPerEcho + 1);
            }
        }

        values[Metric.DeliveriesPerSecond] *= DroppedPerEcho + 1;
        turn.Add("receive only", cluster, values);
    }

    private static Flow[] Flows(Cluster cluster, int dropped)
    {
        var connections = cluster.Client.Connections;
        return [.. Enumerable.Range(0, Senders).Select(i => new Flow(
            cluster.Peer.Dialect, (uint)i, [connections[i]], 'E', name: null, [connections[i]], 1, 128, dropped))];
    }
}
