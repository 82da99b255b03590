using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>A run of <c>routing</c> as tables and curves.</summary>
internal static class RoutingReport
{
    private static readonly string[] s_busy = [RoutingMetric.MessageNodeCpu, RoutingMetric.MessageServerCpu];
    private static readonly string[] s_few = [RoutingMetric.PacedNodeCpu, RoutingMetric.PacedServerCpu];

    public static string Render(RunReport run)
    {
        var (text, server) = (new StringBuilder(), Server(run));
        var columns = Columns(server);
        foreach (var nodes in Nodes(run))
        {
            text.Append(CultureInfo.InvariantCulture, $"**{nodes} nodes**\n\n| groups on each | routing | {string.Join(" | ", columns.Select(static column => column.Title))} |\n");
            text.Append(CultureInfo.InvariantCulture, $"| ---: | --- |{string.Concat(Enumerable.Repeat(" ---: |", columns.Length))}\n");
            foreach (var (names, variant) in Steps(run, nodes))
            {
                foreach (var strategy in RoutingStrategies.All)
                {
                    var cells = columns.Select(column => column.Format(Value(run, variant, strategy, column.Metric)));
                    text.Append(CultureInfo.InvariantCulture, $"| {names:N0} | {strategy} | {string.Join(" | ", cells)} |\n");
                }
            }

            text.Append('\n');
        }

        AppendCrossover(text, run, "busy nodes", s_busy);
        text.Append('\n');
        AppendCrossover(text, run, "nodes with little to do", s_few);
        text.Append(CultureInfo.InvariantCulture, $"\n**The session store over {server.Title}**, each session with a user of its own and a group of ten\n\n| what | cost |\n| --- | ---: |\n");
        foreach (var column in StoreColumns(server))
        {
            text.Append(CultureInfo.InvariantCulture, $"| {column.Title} | {column.Format(run.Median(StoreTurn.Variant, server.Name, column.Metric))} |\n");
        }

        return text.ToString();
    }

    /// <summary>The curves, with what they show.</summary>
    public static IEnumerable<Plot> Plots(RunReport run)
    {
        var server = Server(run).Title;
        var names = Routed(run).Max(static measurement => measurement.Connections);
        var nodes = Nodes(run).Order().ToArray();
        var points = nodes.Select(static number => $"{number}").ToArray();
        (string When, string File, string[] Metrics)[] loads = [("busy", "busy", s_busy), ("few messages", "few", s_few)];
        foreach (var (when, file, metrics) in loads)
        {
            yield return LinePlot.Draw(
                $"routing-{file}.svg",
                $"CPU of nodes and {server}, µs per message, by number of nodes: {when}",
                points,
                [.. RoutingStrategies.All.Select(strategy => (strategy, (IReadOnlyList<double?>)[.. nodes.Select(number => Message(run, Variant(number, names), strategy, metrics))]))]);
        }

        yield return LinePlot.Draw(
            "routing-change.svg",
            $"CPU of nodes and {server}, µs per change of membership, by number of nodes",
            points,
            [.. RoutingStrategies.All.Select(strategy => (strategy, (IReadOnlyList<double?>)[.. nodes.Select(number => Change(run, Variant(number, names), strategy))]))]);
    }

    private static RoutingServer Server(RunReport run) => RoutingServer.All.First(server => server.Scenario == run.Scenario);

    private static Column[] Columns(RoutingServer server) =>
    [
        new(RoutingMetric.MessageNodeCpu, "nodes µs/message", 1),
        new(RoutingMetric.MessageServerCpu, $"{server.Title} µs/message", 1),
        new(RoutingMetric.PacedNodeCpu, "nodes µs/message, few", 0),
        new(RoutingMetric.PacedServerCpu, $"{server.Title} µs/message, few", 1),
        new(RoutingMetric.Received, "received/message", 0),
        new(RoutingMetric.ChurnNodeCpu, "nodes µs/change", 1),
        new(RoutingMetric.ChurnServerCpu, $"{server.Title} µs/change", 1),
        new(RoutingMetric.JoinNodeCpu, "nodes µs/join", 1),
        new(RoutingMetric.JoinServerCpu, $"{server.Title} µs/join", 1),
        new(RoutingMetric.JoinP50, "join p50 ms", 2),
        new(RoutingMetric.NodeHeapBytes, "node heap B/group", 0),
        new(RoutingMetric.ServerBytes, $"{server.Title} B/group", 0),
    ];

    private static Column[] StoreColumns(RoutingServer server) =>
    [
        new(RoutingMetric.SessionNodeCpu, "a session written, node µs", 1),
        new(RoutingMetric.SessionServerCpu, $"a session written, {server.Title} µs", 1),
        new(RoutingMetric.SessionServerBytes, $"a session, {server.Title} bytes", 0),
        new(RoutingMetric.EndServerCpu, $"a session ended, {server.Title} µs", 1),
        new(RoutingMetric.RenewServerCpu, $"a lease renewed, {server.Title} µs", 1),
        new(RoutingMetric.ListServerCpu, $"100 nodes listed, {server.Title} µs", 1),
        new(RoutingMetric.ClaimServerCpu, $"a claim among 100 nodes, {server.Title} µs", 1),
    ];

    private static IEnumerable<Measurement> Routed(RunReport run) => run.Measurements.Where(static measurement => measurement.Variant != StoreTurn.Variant);

    private static int[] Nodes(RunReport run) => [.. Routed(run).Select(static measurement => measurement.Nodes).Distinct()];

    private static IEnumerable<(int Names, string Variant)> Steps(RunReport run, int nodes) =>
        Routed(run).Where(measurement => measurement.Nodes == nodes).Select(static measurement => (measurement.Connections, measurement.Variant)).Distinct();

    private static string Variant(int nodes, int names) => $"{nodes} nodes, {names:N0} groups each";

    private static void AppendCrossover(StringBuilder text, RunReport run, string when, string[] metrics)
    {
        text.Append(CultureInfo.InvariantCulture, $"**Where they cost the same, {when}**: messages per change of membership, with the CPU time of nodes and {Server(run).Title} together\n\n");
        text.Append(CultureInfo.InvariantCulture, $"| groups on each | {string.Join(" | ", Nodes(run).Select(static nodes => $"{nodes} nodes"))} |\n| ---: |{string.Concat(Nodes(run).Select(static _ => " ---: |"))}\n");
        foreach (var names in Routed(run).Select(static measurement => measurement.Connections).Distinct())
        {
            var cells = Nodes(run).Select(nodes => Crossover(run, Variant(nodes, names), metrics) is { } value ? value.ToString("N1", CultureInfo.InvariantCulture) : "–");
            text.Append(CultureInfo.InvariantCulture, $"| {names:N0} | {string.Join(" | ", cells)} |\n");
        }
    }

    /// <summary>The median. CPU time below zero is none: the server had other work to do while it was looked at without messages.</summary>
    private static double? Value(RunReport run, string variant, string strategy, string metric) =>
        run.Median(variant, strategy, metric) is var median && median < 0 && metric != RoutingMetric.ServerBytes ? null : median;

    private static double? Message(RunReport run, string variant, string strategy, string[] metrics) =>
        Value(run, variant, strategy, metrics[0]) + Value(run, variant, strategy, metrics[1]);

    private static double? Change(RunReport run, string variant, string strategy) =>
        run.Median(variant, strategy, RoutingMetric.ChurnNodeCpu) + run.Median(variant, strategy, RoutingMetric.ChurnServerCpu);

    /// <summary>What a change costs more with interest, divided by what a message costs more with broadcast.</summary>
    private static double? Crossover(RunReport run, string variant, string[] metrics)
    {
        var more = Message(run, variant, RoutingStrategies.Broadcast, metrics) - Message(run, variant, RoutingStrategies.Interest, metrics);
        var change = Change(run, variant, RoutingStrategies.Interest) - Change(run, variant, RoutingStrategies.Broadcast);
        return more > 0 ? change / more : null;
    }
}
