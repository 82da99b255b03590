using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Routing;
using DistributedSockets.Benchmarks.Scenarios;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>The verb <c>report</c>: the newest run of each scenario, as tables and plots in the documentation.</summary>
internal static class ReportProgram
{
    private const string Results = "results";

    private static string Docs => Path.Combine(Repository.Root, "docs");

    private static string Plots => Path.Combine(Docs, "images");

    public static int Run(string[] args)
    {
        var directory = args is [var given] ? given : Repository.Artifacts;
        var runs = Directory.Exists(directory)
            ? Directory.GetFiles(directory, "*.json").Order(StringComparer.Ordinal).Select(RunReport.Load).ToArray()
            : [];
        RunReport[] newest = [.. Scenario.All.Select(scenario => runs.LastOrDefault(run => run.Scenario == scenario.Key)).OfType<RunReport>()];
        var routing = RoutingServer.All.ToDictionary(static server => server, server => runs.LastOrDefault(run => run.Scenario == server.Scenario));
        if (newest.Length == 0 && routing.Values.All(static run => run is null))
        {
            throw new FormatException($"{directory} holds no run. Run peers or routing first.");
        }

        if (newest.Length > 0)
        {
            Write("benchmarks.md", Results, Render(newest));
        }

        if (routing[RoutingServer.Redis] is { } overRedis)
        {
            Write("scaling.md", Results, Render(overRedis, RoutingReport.Plots(overRedis)));
        }

        if (routing[RoutingServer.Nats] is { } overNats)
        {
            Write("scaling.md", "results over NATS", Render(overNats, []));
        }

        return 0;
    }

    /// <summary>Puts results in their place on a page.</summary>
    private static void Write(string name, string place, string results)
    {
        var (beginning, ending) = ($"<!-- {place}: written by the verb report -->", $"<!-- end of {place} -->");
        var path = Path.Combine(Docs, name);
        var page = File.ReadAllText(path);
        var begin = page.IndexOf(beginning, StringComparison.Ordinal) + beginning.Length;
        var end = page.IndexOf(ending, StringComparison.Ordinal);
        if (begin < beginning.Length || end < begin)
        {
            throw new InvalidDataException($"{path} has no place for results, between {beginning} and {ending}.");
        }

        File.WriteAllText(path, $"{page[..begin]}\n\n{results}\n{page[end..]}");
        Console.WriteLine($"{path} has the newest {place}.");
    }

    private static string Render(RunReport routing, IEnumerable<Plot> plots)
    {
        var rounds = routing.Measurements.Max(static measurement => measurement.Round);
        var text = new StringBuilder(RoutingReport.Render(routing));
        Append(text, plots);
        text.Append(CultureInfo.InvariantCulture, $"\nCommand: `{routing.Command}`. {(rounds == 1 ? "One round" : $"Medians of {rounds} rounds")} in {routing.Seconds / 60:N0} min, {On(routing)}.\n");
        return text.ToString();
    }

    private static string Render(RunReport[] runs)
    {
        var text = new StringBuilder();
        foreach (var run in runs)
        {
            var rounds = run.Measurements.Max(static measurement => measurement.Round);
            text.Append(MarkdownTable.Render(run));
            Append(text, Plot.Of(run));
            text.Append(CultureInfo.InvariantCulture, $"\nCommand: `{run.Command}`. {(rounds == 1 ? "One round" : $"Medians of {rounds} rounds")}, {run.Seconds} s each after ");
            text.Append(CultureInfo.InvariantCulture, $"{run.WarmupSeconds} s of warm-up, {On(run)}.\n\n");
        }

        return text.ToString().TrimEnd('\n') + "\n";
    }

    /// <summary>Draws plots, and shows them.</summary>
    private static void Append(StringBuilder text, IEnumerable<Plot> plots)
    {
        foreach (var plot in plots)
        {
            Directory.CreateDirectory(Plots);
            File.WriteAllText(Path.Combine(Plots, plot.FileName), plot.Svg);
            text.Append(CultureInfo.InvariantCulture, $"\n![{plot.Title}](images/{plot.FileName})\n");
        }
    }

    /// <summary>When and on what a run was made.</summary>
    private static string On(RunReport run)
    {
        var machine = run.Machine;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{run.StartedAt:yyyy-MM-dd}, commit {machine.Commit}, on {machine.Processors} × {machine.Processor}, {machine.MemoryGiB:N0} GiB, {machine.OperatingSystem}, {machine.Dotnet}, {Servers(run)}");
    }

    /// <summary>The versions of what took part besides the library.</summary>
    private static string Servers(RunReport run) => run.Scenario switch
    {
        _ when run.Scenario == RoutingServer.Nats.Scenario => (run.Machine.Nats ?? "").Replace("nats-server: v", "nats-server ", StringComparison.Ordinal),
        _ when run.Scenario == RoutingServer.Redis.Scenario => Version(run.Machine.Redis),
        _ => $"Node.js {run.Machine.Node}, {Version(run.Machine.Redis)}",
    };

    /// <summary>Of what <c>redis-server --version</c> says, the version.</summary>
    private static string Version(string redis) =>
        redis.Split(' ').FirstOrDefault(static word => word.StartsWith("v=", StringComparison.Ordinal)) is { } version ? $"Redis {version[2..]}" : "Redis";
}
