using System.Diagnostics;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(f) What a message between two nodes costs the others.</summary>
internal sealed class UninvolvedScenario : Scenario
{
    private const double MessagesPerSecond = 2_000;

    public override string Key => "uninvolved";

    public override string Title => "(f) To a user between two nodes at 2,000/s: what it costs the other nodes, all together";

    public override IReadOnlyList<Column> Columns => Column.Uninvolved;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        foreach (var nodes in (int[])[2, 4, 8])
        {
            await using var cluster = await turn.StartAsync(nodes);
            cluster.Connect(nodes * 250, static i => $"user{i}");
            cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.WarmupSeconds));
            var others = cluster.Nodes.Skip(2).ToArray();
            var idle = PerSecond(others, () => cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.Seconds)));
            Dictionary<string, double> values = [];
            var loaded = PerSecond(others, () => values = turn.Meter(cluster).Measure(UserScenario.Flows(cluster), new RatePace(MessagesPerSecond)));
            values[Metric.OthersIdleCpu] = idle * 1_000;
            values[Metric.OthersLoadedCpu] = loaded * 1_000;
            values[Metric.OthersCpu] = (loaded - idle) * 1e6 / MessagesPerSecond;
            turn.Add($"{nodes} nodes", cluster, values);
        }
    }

    private static double PerSecond(ServerNode[] nodes, Action act)
    {
        var started = Stopwatch.GetTimestamp();
        var before = nodes.Sum(static node => node.CpuSeconds);
        act();
        return (nodes.Sum(static node => node.CpuSeconds) - before) / Stopwatch.GetElapsedTime(started).TotalSeconds;
    }
}
