using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.Benchmarks.Scenarios;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>One peer's turn in one round of the table: fresh processes, every load, each load client.</summary>
internal sealed class TableTurn(ScenarioTurn turn, IReadOnlyList<string> keys, IReadOnlyList<ClientKind> clients)
{
    private const int Connections = 2_000;
    private const double SlowReaderTimes = 2; // a hundredth of its few broadcasts is next to nothing

    private const string ByC = " (client in C)";

    /// <summary>What a load is called in results, with the client that it was measured by.</summary>
    public static string Variant(string title, ClientKind client) => client == ClientKind.C ? title + ByC : title;

    /// <summary>The load's title in what <see cref="Variant"/> made of it.</summary>
    public static string Title(string variant) => variant.EndsWith(ByC, StringComparison.Ordinal) ? variant[..^ByC.Length] : variant;

    public async Task RunAsync()
    {
        TableLoad[] loads = [.. TableLoad.All.Where(load => keys.Contains(load.Key) && (turn.Peer.IsDistributed || !load.NeedsDistribution))];
        if (loads.Length > 0)
        {
            await MeasureAsync(loads);
        }

        if (turn.Peer == Peer.Ours && keys.Contains(TableLoad.SlowReader))
        {
            await MeasureSlowReaderAsync();
        }
    }

    private async Task MeasureAsync(TableLoad[] loads)
    {
        await using var cluster = await Cluster.StartAsync(turn.Peer, turn.Redis, 2, clients[0]);
        var meter = turn.Meter(cluster);
        foreach (var client in clients)
        {
            if (client == clients[0])
            {
                Connect(cluster);
                foreach (var load in loads)
                {
                    meter.WarmUp(load.Flows(cluster), load.NewPace(), turn.Options.FirstWarmupSeconds / loads.Length);
                }
            }
            else
            {
                cluster.ReplaceClient(client);
                Connect(cluster);
            }

            foreach (var load in loads)
            {
                turn.Add(Variant(load.Title, client), cluster, meter.Measure(load.Flows(cluster), load.NewPace()));
            }
        }
    }

    private static void Connect(Cluster cluster) => cluster.Connect(Connections, static i => $"user{i}", static i => GroupScenario.GroupsOf(i, Connections));

    private async Task MeasureSlowReaderAsync()
    {
        foreach (var client in clients)
        {
            await using var cluster = await Cluster.StartAsync(turn.Peer, turn.Redis, 2, client);
            cluster.Connect(SlowReaderScenario.Connections);
            var meter = turn.Meter(cluster);
            meter.WarmUp(SlowReaderScenario.Flows(cluster), new RatePace(SlowReaderScenario.BroadcastsPerSecond), turn.Options.FirstWarmupSeconds / 2);
            turn.Add(Variant(TableReport.AllRead, client), cluster, Measure());
            cluster.Load.Pause(cluster.Load.Connections[^1]);
            turn.Add(Variant(TableReport.OneDoesNot, client), cluster, Measure());

            Dictionary<string, double> Measure() => meter.Measure(SlowReaderScenario.Flows(cluster), new RatePace(SlowReaderScenario.BroadcastsPerSecond), SlowReaderTimes);
        }
    }
}
