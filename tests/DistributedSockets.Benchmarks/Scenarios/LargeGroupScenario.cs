using System.Diagnostics;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(i) One group of many on one node: how long the last member waits after the first.</summary>
internal sealed class LargeGroupScenario : Scenario
{
    private const int SpareFiles = 1_000;

    public override string Key => "large-group";

    public override string Title => "(i) One group on one node, one message at a time: time from first to last delivery";

    public override IReadOnlyList<Column> Columns => Column.LargeGroup;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(1);
        var connections = turn.Options.Connections ?? Math.Min(20_000, ProcessUsage.MaxOpenFiles() - SpareFiles);
        cluster.Connect(connections, groups: static _ => ["everyone"]);
        var client = cluster.Client;
        var flow = new Flow(cluster.Peer.Dialect, 0, [client.Connections[0]], 'G', "everyone", receivers: null, connections, 128);
        client.Start([flow], pace: null);
        for (var i = 0; i < 5; i++)
        {
            Send(); // warms up
        }

        client.Latency.Clear();
        var spreads = new List<double>();
        var before = Usage.Of(cluster);
        var messages = Math.Max(5, (int)(turn.Options.Seconds * 4));
        for (var i = 0; i < messages; i++)
        {
            spreads.Add(Send());
            client.Run(TimeSpan.FromMilliseconds(100));
        }

        var after = Usage.Of(cluster);
        turn.Add($"{connections:N0} members, 128 B", cluster, new(StringComparer.Ordinal)
        {
            [Metric.FirstToLast] = spreads.Order().ElementAt(spreads.Count / 2),
            [Metric.P50] = client.Latency.Milliseconds(0.5) ?? double.NaN,
            [Metric.P99] = client.Latency.Milliseconds(0.99) ?? double.NaN,
            [Metric.ServerCpu] = (after.ServerCpuSeconds - before.ServerCpuSeconds) * 1e6 / (after.Deliveries - before.Deliveries),
            [Metric.Missing] = client.Missing,
            [Metric.Duplicates] = client.Faults.Duplicates,
            [Metric.Misdelivered] = client.Faults.Misdelivered + client.Faults.Damaged,
            [Metric.Broken] = client.Broken,
        });

        double Send()
        {
            client.FirstDeliveryAt = 0;
            client.Send(flow, Stopwatch.GetTimestamp());
            client.Run(() => client.IsIdle, TimeSpan.FromSeconds(30), "not every member got the message");
            return Stopwatch.GetElapsedTime(client.FirstDeliveryAt, client.LastDeliveryAt).TotalMilliseconds;
        }
    }
}
