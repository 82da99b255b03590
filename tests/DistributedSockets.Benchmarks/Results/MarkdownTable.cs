using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Scenarios;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>A run as Markdown: a table for each variant, a row for each peer, medians over the rounds.</summary>
internal static class MarkdownTable
{
    public static string Render(RunReport run)
    {
        var scenario = Scenario.All.First(scenario => scenario.Key == run.Scenario);
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"### {scenario.Title}\n");
        foreach (var variant in run.Measurements.Select(static measurement => measurement.Variant).Distinct())
        {
            var measured = run.Measurements.Where(measurement => measurement.Variant == variant).ToArray();
            var columns = scenario.Columns.Where(column => measured.Any(measurement => measurement.Values.ContainsKey(column.Metric))).ToArray();
            text.Append(CultureInfo.InvariantCulture, $"\n**{variant}**\n\n| | {string.Join(" | ", columns.Select(static column => column.Title))} | ÷ ours | wrong |\n");
            text.Append(CultureInfo.InvariantCulture, $"| --- |{string.Concat(Enumerable.Repeat(" ---: |", columns.Length + 2))}\n");
            foreach (var peer in Peer.All.Where(peer => measured.Any(measurement => measurement.Peer == peer.Key)))
            {
                var cells = columns.Select(column => column.Format(run.Median(variant, peer.Key, column.Metric)));

                // A ratio to a difference that is next to nothing would say nothing.
                var ratio = columns[0].Metric == Metric.OthersCpu ? "–" : string.Create(CultureInfo.InvariantCulture, $"{run.MedianRatio(variant, peer.Key, Peer.Ours.Key, columns[0].Metric):N2}");
                var wrong = measured.Where(measurement => measurement.Peer == peer.Key).Sum(static measurement => measurement.Faults);
                text.Append(CultureInfo.InvariantCulture, $"| {peer.Title} | {string.Join(" | ", cells)} | {ratio} | {wrong:N0} |\n");
            }
        }

        foreach (var (key, reason) in run.LeftOut)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n{Peer.Get(key).Title} was left out: {reason}.\n");
        }

        return text.ToString();
    }
}
