using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Scenarios;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>The verb <c>report</c>: the newest run of each scenario, as tables and plots in the documentation.</summary>
internal static class ReportProgram
{
    private const string Begin = "<!-- results: written by the verb report -->";
    private const string End = "<!-- end of results -->";

    private static string Page => Path.Combine(Repository.Root, "docs", "benchmarks.md");

    private static string Plots => Path.Combine(Repository.Root, "docs", "images");

    public static int Run(string[] args)
    {
        var directory = args is [var given] ? given : Repository.Artifacts;
        var runs = Directory.Exists(directory)
            ? Directory.GetFiles(directory, "*.json").Order(StringComparer.Ordinal).Select(RunReport.Load).ToArray()
            : [];
        RunReport[] newest = [.. Scenario.All.Select(scenario => runs.LastOrDefault(run => run.Scenario == scenario.Key)).OfType<RunReport>()];
        if (newest.Length == 0)
        {
            throw new FormatException($"{directory} holds no run. Run peers first.");
        }

        var page = File.ReadAllText(Page);
        var begin = page.IndexOf(Begin, StringComparison.Ordinal) + Begin.Length;
        var end = page.IndexOf(End, StringComparison.Ordinal);
        if (begin < Begin.Length || end < begin)
        {
            throw new InvalidDataException($"{Page} has no place for results, between {Begin} and {End}.");
        }

        File.WriteAllText(Page, $"{page[..begin]}\n\n{Render(newest)}\n{page[end..]}");
        Console.WriteLine($"{Page}: {newest.Length} scenarios.");
        return 0;
    }

    private static string Render(RunReport[] runs)
    {
        var text = new StringBuilder();
        foreach (var run in runs)
        {
            var machine = run.Machine;
            var rounds = run.Measurements.Max(static measurement => measurement.Round);
            text.Append(MarkdownTable.Render(run));
            foreach (var plot in Plot.Of(run))
            {
                Directory.CreateDirectory(Plots);
                File.WriteAllText(Path.Combine(Plots, plot.FileName), plot.Svg);
                text.Append(CultureInfo.InvariantCulture, $"\n![{plot.Title}](images/{plot.FileName})\n");
            }

            text.Append(CultureInfo.InvariantCulture, $"\nCommand: `{run.Command}`. {(rounds == 1 ? "One round" : $"Medians of {rounds} rounds")}, {run.Seconds} s each after ");
            text.Append(CultureInfo.InvariantCulture, $"{run.WarmupSeconds} s of warm-up, {run.StartedAt:yyyy-MM-dd}, commit {machine.Commit}, on {machine.Processors} × {machine.Processor}, ");
            text.Append(CultureInfo.InvariantCulture, $"{machine.MemoryGiB:N0} GiB, {machine.OperatingSystem}, {machine.Dotnet}, Node.js {machine.Node}, {Version(machine.Redis)}.\n\n");
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    /// <summary>Of what <c>redis-server --version</c> says, the version.</summary>
    private static string Version(string redis) =>
        redis.Split(' ').FirstOrDefault(static word => word.StartsWith("v=", StringComparison.Ordinal)) is { } version ? $"Redis {version[2..]}" : "Redis";
}
