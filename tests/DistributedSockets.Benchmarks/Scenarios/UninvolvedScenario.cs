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
            var values = turn.Meter(cluster).Measure(UserScenario.Flows(cluster), new RatePace(MessagesPerSecond));

            // Idle is measured last, when all that compiles itself in the background has done so.
            cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.WarmupSeconds));
            var from = Usage.Of(cluster);
            cluster.Client.Run(TimeSpan.FromSeconds(turn.Options.Seconds));
            values[Metric.OthersIdleCpu] = Usage.Of(cluster).OthersMillisecondsPerSecond(from);
            values[Metric.OthersCpu] = (values[Metric.OthersLoadedCpu] - values[Metric.OthersIdleCpu]) * 1_000 / MessagesPerSecond;
            turn.Add($"{nodes} nodes", cluster, values);
        }
    }
}
