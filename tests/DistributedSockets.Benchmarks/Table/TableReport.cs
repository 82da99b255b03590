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

    public static string Render(RunReport run)
    {
        var text = new StringBuilder();
        AppendGoals(text, run);
        foreach (var variant in run.Measurements.Select(static measurement => measurement.Variant).Distinct())
        {
            AppendVariant(text, run, variant);
        }

        return text.ToString();
    }

    private static void AppendGoals(StringBuilder text, RunReport run)
    {
        ClientKind[] clients = [.. Enum.GetValues<ClientKind>().Where(client => Goal.All.Any(goal => goal.Measure(run, client) is not null))];
        text.Append(CultureInfo.InvariantCulture, $"| figure | aim |{string.Concat(clients.Select(static client => $" {(client == ClientKind.C ? "client in C" : "client in C#")} | |"))}\n");
        text.Append(CultureInfo.InvariantCulture, $"| --- | --- |{string.Concat(clients.Select(static _ => " ---: | --- |"))}\n");
        foreach (var goal in Goal.All)
        {
            var cells = clients.Select(client => goal.Measure(run, client)).ToArray();
            if (cells.Any(static cell => cell is not null))
            {
                text.Append(CultureInfo.InvariantCulture, $"| {goal.Figure} | {goal.Aim} |");
                foreach (var cell in cells)
                {
                    text.Append(cell is { } measured ? string.Create(CultureInfo.InvariantCulture, $" {measured:N2} | {(goal.IsMet(measured) ? "met" : "missed")} |") : " – | |");
                }

                text.Append('\n');
            }
        }

        foreach (var (key, reason) in run.LeftOut)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Peer.Get(key).Title} was left out: {reason}.\n");
        }
    }

    private static void AppendVariant(StringBuilder text, RunReport run, string variant)
    {
        var measured = run.Measurements.Where(measurement => measurement.Variant == variant).ToArray();
        text.Append(CultureInfo.InvariantCulture, $"\n**{char.ToUpperInvariant(variant[0])}{variant[1..]}**\n\n| | lowest | {string.Join(" | ", s_columns.Select(static column => column.Title))} | ÷ ours | wrong |\n");
        text.Append(CultureInfo.InvariantCulture, $"| --- | ---: |{string.Concat(Enumerable.Repeat(" ---: |", s_columns.Length + 2))}\n");
        foreach (var peer in Peer.All.Where(peer => measured.Any(measurement => measurement.Peer == peer.Key)))
        {
            var lowest = Column.ServerCpu.Format(measured.Where(measurement => measurement.Peer == peer.Key).Min(static measurement => measurement.Values[Metric.ServerCpu]));
            var cells = s_columns.Select(column => column.Format(run.Median(variant, peer.Key, column.Metric)));
            var ratio = Column.ServerCpu.Format(run.MedianRatio(variant, peer.Key, Peer.Ours.Key, Metric.ServerCpu));
            var wrong = measured.Where(measurement => measurement.Peer == peer.Key).Sum(static measurement => measurement.Faults);
            text.Append(CultureInfo.InvariantCulture, $"| {peer.Title} | {lowest} | {string.Join(" | ", cells)} | {ratio} | {wrong:N0} |\n");
        }
    }
}
