using System.Diagnostics;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(g) Connections come and go.</summary>
internal sealed class StormScenario : Scenario
{
    private const int Batch = 1_000;

    public override string Key => "storm";

    public override string Title => "(g) Connect until an echo is answered, a user and a group each, then cut; two nodes";

    public override IReadOnlyList<Column> Columns => Column.Storm;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        await using var cluster = await turn.StartAsync(2);
        Connect();
        var connects = 0;
        var started = Stopwatch.GetTimestamp();
        var before = cluster.Nodes.Sum(static node => node.CpuSeconds);
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < turn.Options.Seconds)
        {
            Connect();
            connects += Batch;
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        var cpu = cluster.Nodes.Sum(static node => node.CpuSeconds) - before;
        turn.Add($"{Batch:N0} at a time", cluster, new(StringComparer.Ordinal)
        {
            [Metric.ConnectsPerSecond] = connects / seconds,
            [Metric.ConnectCpu] = cpu * 1e6 / connects,
        });

        void Connect()
        {
            cluster.Connect(Batch, static i => $"user{i}", static i => [$"group{i % 100}"]);
            cluster.Client.Disconnect(Batch);
        }
    }
}
