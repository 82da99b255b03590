using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>A run of the table as Markdown: what is aimed at and what was measured, then each load with all peers.</summary>
internal static class TableReport
{
    public const string Scenario = "table";
    public const string AllRead = "1,000 connections, 1 KiB broadcasts at 50/s, all read";
    public const string OneDoesNot = "1,000 connections, 1 KiB broadcasts at 50/s, one reads nothing";

    private static readonly Column[] s_columns = [Column.ServerCpu, Column.Rate, Column.P50, Column.P99, Column.RedisCpu, Column.ClientCpu, Column.Allocated];

    /// <param name="run">The table.</param>
    /// <param name="others">Runs of scenarios that other aims are measured by.</param>
    public static string Render(RunReport run, IReadOnlyList<RunReport> others)
    {
        var text = new StringBuilder();
        ClientKind[] clients = [.. Enum.GetValues<ClientKind>().Where(client => run.Measurements.Any(measurement => IsBy(client, measurement.Variant)))];
        AppendGoals(text, [run, .. others], clients);
        foreach (var (key, reason) in run.LeftOut)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Peer.Get(key).Title} was left out: {reason}.\n");
        }

        foreach (var title in (string[])[.. TableLoad.All.Select(static load => load.Title), AllRead, OneDoesNot])
        {
            AppendLoad(text, run, title, clients);
        }

        return text.ToString();
    }

    private static bool IsBy(ClientKind client, string variant) => variant == TableTurn.Variant(TableTurn.Title(variant), client);

    private static string Name(ClientKind client) => client == ClientKind.C ? "client in C" : "client in C#";

    private static void AppendGoals(StringBuilder text, IReadOnlyList<RunReport> runs, ClientKind[] clients)
    {
        text.Append(CultureInfo.InvariantCulture, $"| figure | aim |{string.Concat(clients.Select(static client => $" {Name(client)} | |"))}\n");
        text.Append(CultureInfo.InvariantCulture, $"| --- | --- |{string.Concat(clients.Select(static _ => " ---: | --- |"))}\n");
        foreach (var goal in Goal.All)
        {
            var cells = clients.Select(client => runs.LastOrDefault(run => run.Scenario == goal.Scenario) is { } run ? goal.Measure(run, client) : null).ToArray();
            if (!cells.Any(static cell => cell is not null))
            {
                continue;
            }

            text.Append(CultureInfo.InvariantCulture, $"| {goal.Figure} | {goal.Aim} |");
            foreach (var cell in cells)
            {
                text.Append(cell is { } measured ? string.Create(CultureInfo.InvariantCulture, $" {measured:N2} | {(goal.IsMet(measured) ? "met" : "missed")} |") : " – | |");
            }

            text.Append('\n');
        }
    }

    private static void AppendLoad(StringBuilder text, RunReport run, string title, ClientKind[] clients)
    {
        var measured = run.Measurements.Where(measurement => TableTurn.Title(measurement.Variant) == title).ToArray();
        if (measured.Length == 0)
        {
            return;
        }

        text.Append(CultureInfo.InvariantCulture, $"\n#### {char.ToUpperInvariant(title[0])}{title[1..]}\n\n| | {string.Join(" | ", s_columns.Select(static column => column.Title))} | lowest CPU |");
        text.Append(CultureInfo.InvariantCulture, $"{string.Concat(clients.Select(client => client == clients[0] ? " ÷ ours |" : $" {Name(client)}: CPU | p99 ms | ÷ ours |"))} wrong |\n");
        text.Append(CultureInfo.InvariantCulture, $"| --- |{string.Concat(Enumerable.Repeat(" ---: |", s_columns.Length + (clients.Length * 3)))}\n");
        foreach (var peer in Peer.All.Where(peer => measured.Any(measurement => measurement.Peer == peer.Key)))
        {
            var variant = TableTurn.Variant(title, clients[0]);
            var lowest = Column.ServerCpu.Format(measured.Where(measurement => measurement.Peer == peer.Key && measurement.Variant == variant).Min(static one => (double?)one.Values[Metric.ServerCpu]));
            text.Append(CultureInfo.InvariantCulture, $"| {peer.Title} | {string.Join(" | ", s_columns.Select(column => column.Format(run.Median(variant, peer.Key, column.Metric))))} | {lowest} |");
            foreach (var client in clients)
            {
                variant = TableTurn.Variant(title, client);
                if (client != clients[0])
                {
                    text.Append(CultureInfo.InvariantCulture, $" {Column.ServerCpu.Format(run.Median(variant, peer.Key, Metric.ServerCpu))} | {Column.P99.Format(run.Median(variant, peer.Key, Metric.P99))} |");
                }

                text.Append(CultureInfo.InvariantCulture, $" {Column.ServerCpu.Format(run.MedianRatio(variant, peer.Key, Peer.Ours.Key, Metric.ServerCpu))} |");
            }

            text.Append(CultureInfo.InvariantCulture, $" {measured.Where(measurement => measurement.Peer == peer.Key).Sum(static measurement => measurement.Faults):N0} |\n");
        }
    }
}
