using System.Diagnostics;
using DistributedSockets.Benchmarks.Results;

namespace DistributedSockets.Benchmarks.Routing;

/// <summary>The verb <c>routing</c>: interest and broadcast routing on the same load, over a server of their own.</summary>
internal static class RoutingProgram
{
    public const string NodeVerb = "routing-node";

    public static async Task<int> RunAsync(string[] args)
    {
        var options = RoutingOptions.Parse(args);
#if DEBUG
        await Console.Error.WriteLineAsync("This is a debug build: what it measures says nothing. Use -c Release.");
#endif
        var startedAt = DateTimeOffset.UtcNow;
        var began = Stopwatch.GetTimestamp();
        var measurements = new List<Measurement>();
        var failures = 0.0;
        for (var round = 1; round <= options.Rounds; round++)
        {
            foreach (var nodes in options.Nodes)
            {
                foreach (var strategy in RoutingStrategies.All)
                {
                    Console.WriteLine($"round {round} of {options.Rounds}: {nodes} nodes, {strategy}");
                    try
                    {
                        await using var turn = await RoutingTurn.StartAsync(nodes, strategy, round, options);
                        await turn.RunAsync(measurements);
                    }
                    catch (Exception exception) when (exception is InvalidOperationException or TimeoutException)
                    {
                        failures++;
                        await Console.Error.WriteLineAsync($"This turn ends here, the others go on: {exception}");
                    }
                }
            }

            Console.WriteLine($"round {round} of {options.Rounds}: session store");
            await StoreTurn.RunAsync(options.Over, round, measurements);
        }

        var run = new RunReport
        {
            Scenario = options.Over.Scenario,
            StartedAt = startedAt,
            Command = $"routing {string.Join(' ', args)}".TrimEnd(),
            Seconds = Stopwatch.GetElapsedTime(began).TotalSeconds,
            WarmupSeconds = options.WarmupSeconds,
            Machine = await Machine.ReadAsync(),
            Measurements = measurements,
        };
        var path = run.Save(options.Output);
        Console.WriteLine($"{Environment.NewLine}{RoutingReport.Render(run)}{Environment.NewLine}{path}, {run.Seconds:N0} s");
        return failures + measurements.Sum(static measurement => measurement.Values[RoutingMetric.Wrong]) > 0 ? 1 : 0;
    }
}
