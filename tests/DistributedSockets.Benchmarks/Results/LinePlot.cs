using System.Globalization;
using System.Text;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>A picture of curves over the same few points.</summary>
internal static class LinePlot
{
    private const int Width = 720;
    private const int Height = 360;
    private const int Left = 64;
    private const int Right = 190;
    private const int Top = 48;
    private const int Bottom = 40;
    private const int Ticks = 5;

    private static readonly string[] s_colors = ["#2563eb", "#dc2626", "#16a34a", "#9333ea", "#ea580c"];

    /// <param name="file">The file's name.</param>
    /// <param name="title">What it shows.</param>
    /// <param name="points">What stands under the points.</param>
    /// <param name="lines">The curves; a point that was not measured is left out.</param>
    public static Plot Draw(string file, string title, IReadOnlyList<string> points, IReadOnlyList<(string Name, IReadOnlyList<double?> Values)> lines)
    {
        var top = Round(lines.Max(static line => line.Values.Max()) ?? 1);
        var svg = new StringBuilder();
        svg.Append(CultureInfo.InvariantCulture, $"<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {Width} {Height}\" font-family=\"sans-serif\" font-size=\"13\" role=\"img\" aria-label=\"{title}\">\n");
        svg.Append(CultureInfo.InvariantCulture, $"  <rect width=\"{Width}\" height=\"{Height}\" fill=\"#ffffff\"/>\n");
        svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"12\" y=\"26\" font-size=\"15\" font-weight=\"bold\" fill=\"#0f172a\">{title}</text>\n");
        for (var i = 0; i <= Ticks; i++)
        {
            var value = top * i / Ticks;
            svg.Append(CultureInfo.InvariantCulture, $"  <line x1=\"{Left}\" y1=\"{Y(value):F1}\" x2=\"{Width - Right}\" y2=\"{Y(value):F1}\" stroke=\"#e2e8f0\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"{Left - 8}\" y=\"{Y(value) + 4:F1}\" text-anchor=\"end\" fill=\"#475569\">{value:0.##}</text>\n");
        }

        for (var i = 0; i < points.Count; i++)
        {
            svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"{X(i):F1}\" y=\"{Height - Bottom + 20}\" text-anchor=\"middle\" fill=\"#475569\">{points[i]}</text>\n");
        }

        for (var number = 0; number < lines.Count; number++)
        {
            var color = s_colors[number % s_colors.Length];
            var there = lines[number].Values.Select(static (value, i) => (Value: value, Index: i)).Where(static point => point.Value is not null).ToArray();
            var path = string.Join(' ', there.Select(point => string.Create(CultureInfo.InvariantCulture, $"{X(point.Index):F1},{Y(point.Value.GetValueOrDefault()):F1}")));
            svg.Append(CultureInfo.InvariantCulture, $"  <polyline points=\"{path}\" fill=\"none\" stroke=\"{color}\" stroke-width=\"2\"/>\n");
            foreach (var (value, index) in there)
            {
                svg.Append(CultureInfo.InvariantCulture, $"  <circle cx=\"{X(index):F1}\" cy=\"{Y(value.GetValueOrDefault()):F1}\" r=\"3.5\" fill=\"{color}\"/>\n");
            }

            svg.Append(CultureInfo.InvariantCulture, $"  <rect x=\"{Width - Right + 16}\" y=\"{Top + (number * 24)}\" width=\"14\" height=\"4\" fill=\"{color}\"/>\n");
            svg.Append(CultureInfo.InvariantCulture, $"  <text x=\"{Width - Right + 36}\" y=\"{Top + (number * 24) + 7}\" fill=\"#0f172a\">{lines[number].Name}</text>\n");
        }

        return new(file, title, svg.Append("</svg>\n").ToString());

        double X(int index) => Left + 24 + ((Width - Left - Right - 48) * (points.Count == 1 ? 0.5 : index / (points.Count - 1.0)));

        double Y(double value) => Height - Bottom - ((Height - Top - Bottom) * value / top);
    }

    /// <summary>The next of 1, 2, 5, 10, 20, 50 and so on.</summary>
    private static double Round(double value)
    {
        var magnitude = Math.Pow(10, Math.Floor(Math.Log10(Math.Max(value, 1e-9))));
        return (value / magnitude) switch { <= 1 => 1, <= 2 => 2, <= 5 => 5, _ => 10 } * magnitude;
    }
}
