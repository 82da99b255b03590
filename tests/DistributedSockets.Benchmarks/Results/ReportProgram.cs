using System.Globalization;
using System.Text;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Routing;
using DistributedSockets.Benchmarks.Scenarios;
using DistributedSockets.Benchmarks.Table;

namespace DistributedSockets.Benchmarks.Results;

/// <summary>The verb <c>report</c>: the newest run of each scenario, as tables and plots in the documentation.</summary>
internal static class ReportProgram
{
    private const string Results = "results";
    private const string Benchmarks = "benchmarks.md";

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
        var table = runs.LastOrDefault(static run => run.Scenario == TableReport.Scenario);
        if (table is null && newest.Length == 0 && routing.Values.All(static run => run is null))
        {
            throw new FormatException($"{directory} holds no run. Run table, peers or routing first.");
        }

        if (table is not null)
        {
            var text = new StringBuilder(TableReport.Render(table, newest));
            Append(text, Plot.Of(table));
            Write(Benchmarks, $"{Results} of {TableReport.Scenario}", text.Append(CultureInfo.InvariantCulture, $"\n{Origin(table)}\n").ToString());
        }

        foreach (var run in newest)
        {
            var text = new StringBuilder(MarkdownTable.Render(run));
            Append(text, Plot.Of(run));
            Write(Benchmarks, $"{Results} of {run.Scenario}", text.Append(CultureInfo.InvariantCulture, $"\n{Origin(run)}\n").ToString());
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

    /// <summary>Puts results in their place on a page, if it has one.</summary>
    private static void Write(string name, string place, string results)
    {
        var (beginning, ending) = ($"<!-- {place}: written by the verb report -->", $"<!-- end of {place} -->");
        var path = Path.Combine(Docs, name);
        var page = File.ReadAllText(path);
        var begin = page.IndexOf(beginning, StringComparison.Ordinal) + beginning.Length;
        var end = page.IndexOf(ending, StringComparison.Ordinal);
        if (begin < beginning.Length || end < begin)
        {
            Console.WriteLine($"{path} has no place for {place}, between {beginning} and {ending}.");
            return;
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

    /// <summary>By which command a run of peers was made, how long, and on what.</summary>
    private static string Origin(RunReport run)
    {
        var rounds = run.Measurements.Max(static measurement => measurement.Round);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"Command: `{run.Command}`. {(rounds == 1 ? "One round" : $"Medians of {rounds} rounds")}, {run.Seconds} s each after {run.WarmupSeconds} s of warm-up, {On(run)}.");
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
