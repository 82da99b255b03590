using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(d) What an idle connection holds.</summary>
internal sealed class MemoryScenario : Scenario
{
    private const int SpareFiles = 1_000;
    private const int FirstConnections = 500;

    public override string Key => "memory";

    public override string Title => "(d) Idle memory on one node";

    public override IReadOnlyList<Column> Columns => Column.Memory;

    public override bool Supports(Peer peer) => true;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        foreach (var connections in turn.Options.Connections is { } given ? (int[])[given] : [5_000, Math.Min(20_000, ProcessUsage.MaxOpenFiles() - SpareFiles)])
        {
            await MeasureAsync(turn, connections, "one group", static _ => null, static _ => ["everyone"]);
            if (turn.Peer.IsDistributed)
            {
                await MeasureAsync(turn, connections, "a user each, groups of 10", static i => $"user{i}", static i => [$"group{i / 10}"]);
            }
        }
    }

    private static async Task MeasureAsync(
        ScenarioTurn turn, int connections, string variant, Func<int, string?> user, Func<int, IReadOnlyList<string>> groups)
    {
        await using var cluster = await turn.StartAsync(1);
        var node = cluster.Nodes[0];

        // What the first connections bring about once, code above all, belongs to no connection.
        cluster.Connect(FirstConnections, user, groups);
        var (heapBefore, residentBefore) = await CollectAsync(cluster, node);
        cluster.Connect(connections - FirstConnections, user, groups);
        cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.WarmupSeconds));
        var (heap, resident) = await CollectAsync(cluster, node);
        cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.Seconds * 4));
        var (_, residentLater) = await CollectAsync(cluster, node);
        var added = connections - FirstConnections;
        turn.Add($"{connections:N0}, {variant}", cluster, new(StringComparer.Ordinal)
        {
            [Metric.HeapKiBPerConnection] = (heap - heapBefore) / 1024 / added,
            [Metric.ResidentKiBPerConnection] = (resident - residentBefore) / added,
            [Metric.LaterResidentKiBPerConnection] = (residentLater - residentBefore) / added,
            [Metric.Broken] = cluster.Client.Broken,
        });
    }

    /// <summary>Two collections, while the client goes on answering pings.</summary>
    private static async Task<(double Heap, double Resident)> CollectAsync(Cluster cluster, ServerNode node)
    {
        var collecting = node.CollectAsync();
        cluster.Client.Run(() => collecting.IsCompleted, TimeSpan.FromMinutes(1), "no garbage was collected");
        return (await collecting, node.ResidentKiB);
    }
}
