using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Table;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>A plain picture of one figure: a bar for each peer.</summary>
internal sealed record Plot(string FileName, string Title, string Svg)
{
    private const int Width = 720;
    private const int BarHeight = 22;
    private const int RowHeight = 32;
    private const int Labels = 300;
    private const int Values = 70;
    private const int Top = 48;
    private const string OurColor = "#2563eb";
    private const string PeerColor = "#94a3b8";

    /// <summary>The plots of a run, if its scenario has any.</summary>
    public static IEnumerable<Plot> Of(RunReport run) => run.Scenario switch
    {
        TableReport.Scenario =>
        [
            Bars(run, TableLoad.All[0].Title, Metric.ServerCpu, "cpu-per-delivery.svg", "Broadcast, 128 B, 8 outstanding: server CPU in µs per delivery"),
            Bars(run, TableLoad.All[2].Title, Metric.ServerCpu, "cpu-per-group-delivery.svg", "1,000 groups of 10: server CPU in µs per delivery"),
            Bars(run, TableLoad.All[3].Title, Metric.ServerCpu, "cpu-per-user-message.svg", "To a user on the other node, window 16: server CPU in µs per message"),
        ],
        "uninvolved" => [Groups(run, Metric.OthersCpu, "cost-by-nodes.svg", "CPU of the nodes not involved, all together, in µs per message")],
        _ => [],
    };

    private static Plot Bars(RunReport run, string variant, string metric, string file, string title) =>
        Draw(file, title, [.. Peer.All.Select(peer => (peer.Title, peer.Key == Peer.All[0].Key, run.Median(variant, peer.Key, metric)))]);

    /// <summary>A bar for each peer in each variant that has nodes besides the two involved.</summary>
    private static Plot Groups(RunReport run, string metric, string file, string title) => Draw(
        file,
        title,
        [.. run.Measurements.Where(static measurement => measurement.Nodes > 2).Select(static measurement => measurement.Variant).Distinct().SelectMany(variant => Peer.All.Select(peer =>
            ($"{peer.Title}, {variant}", peer.Key == Peer.All[0].Key, run.Median(variant, peer.Key, metric))))]);

    private static Plot Draw(string file, string title, IReadOnlyList<(string Label, bool IsOurs, double? Value)> all)
    {
        var rows = all.Where(static row => row.Value is not null).ToArray();
        var height = Top + (rows.Length * RowHeight) + 12;
        var scale = (Width - Labels - Values) / Math.Max(rows.Max(static row => row.Value) ?? 0, 1e-9);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {height}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"{title}\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"  <rect width=\"{Width}\" height=\"{height}\" fill=\"#ffffff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"12\" y=\"26\" font-size=\"15\" font-weight=\"bold\" fill=\"#0f172a\">{title}</text>\n");
        for (var i = 0; i < rows.Length; i++)
        {
            var (label, isOurs, value) = rows[i];
            var y = Top + (i * RowHeight);
            var width = Math.Max(1, value.GetValueOrDefault() * scale);
            svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"{Labels - 10}\" y=\"{y + 16}\" text-anchor=\"end\" fill=\"#0f172a\">{label}</text>\n");
            svg.Append(CultureInfo.InvariantCulture, $"  <rect x=\"{Labels}\" y=\"{y}\" width=\"{width:F1}\" height=\"{BarHeight}\" fill=\"{(isOurs ? OurColor : PeerColor)}\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"{Labels + width + 6:F1}\" y=\"{y + 16}\" fill=\"#0f172a\">{value:N1}</text>\n");
        }

        return new(file, title, svg.Append("</svg>\n").ToString());
    }
}
