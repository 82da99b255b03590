using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Scenarios;

/// <summary>(j) Everyone on one node gets everything, compressed by permessage-deflate without context, and not.</summary>
internal sealed class CompressionScenario : Scenario
{
    private const int PayloadBytes = 1024;

    private static readonly string[] s_symbols = ["ACME", "GLOBEX", "INITECH", "UMBRELLA", "HOOLI", "STARK", "WAYNE", "TYRELL"];

    public override string Key => "compression";

    public override string Title => "(j) Broadcast of 1 KiB of JSON to 1,000 connections of one node, compressed";

    public override IReadOnlyList<Column> Columns => Column.Compression;

    public override bool Supports(Peer peer) => peer.CanCompress;

    public override async Task RunAsync(ScenarioTurn turn)
    {
        foreach (var compressed in (bool[])[true, false])
        {
            await using var cluster = await turn.StartAsync(1, compressed);
            cluster.Connect(turn.Options.Connections ?? 1_000);
            var meter = turn.Meter(cluster);
            foreach (var outstanding in (int[])[8, 1])
            {
                turn.Add(
                    $"{(compressed ? "compressed" : "plain")}, {outstanding} outstanding",
                    cluster,
                    meter.Measure(Flows(cluster, outstanding), new WindowPace(1)));
            }
        }
    }

    private static Flow[] Flows(Cluster cluster, int senders)
    {
        var connections = cluster.Client.Connections;
        return [.. Enumerable.Range(0, senders).Select(i => new Flow(
            cluster.Peer.Dialect, (uint)i, [connections[i]], 'B', name: null, receivers: null, connections.Count, PayloadBytes, filling: Quotes(i)))];
    }

    /// <summary>A list of quotes as a service might send it: names repeat, values differ.</summary>
    private static string Quotes(int seed)
    {
        var random = new Random(seed);
        var text = new StringBuilder("[");
        while (text.Length < PayloadBytes)
        {
            var price = random.Next(10_000, 99_999) / 100.0;
            text.Append(
                CultureInfo.InvariantCulture,
                $$"""{"id":{{random.Next()}},"symbol":"{{s_symbols[random.Next(s_symbols.Length)]}}","price":{{price}},"volume":{{random.Next(100_000)}},"open":{{(random.Next(2) == 0 ? "true" : "false")}}},""");
        }

        return text.ToString();
    }
}
