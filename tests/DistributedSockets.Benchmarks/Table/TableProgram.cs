using System.Diagnostics;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.Benchmarks.Scenarios;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Table;

/// <summary>The verb <c>table</c>: every peer in turns, every load on the same connections, and the ratios that the library aims at.</summary>
internal static class TableProgram
{
    /// <returns>0, or 1 if one of our deliveries did not come exactly once at the right connection.</returns>
    public static async Task<int> RunAsync(string[] args)
    {
        var table = TableOptions.Parse(args);
        var options = table.Peers;
        var leftOut = await PeersProgram.PrepareAsync(options.Peers, table.Clients);
        var path = table.Resume && Directory.Exists(options.Output) ? Directory.GetFiles(options.Output, $"*-{TableReport.Scenario}.json").Order(StringComparer.Ordinal).LastOrDefault() : null;
        var run = path is not null
            ? RunReport.Load(path)
            : new()
            {
                Scenario = TableReport.Scenario,
                StartedAt = DateTimeOffset.UtcNow,
                Command = string.Join(' ', ["table", .. args.Where(static arg => arg != TableOptions.ResumeOption)]),
                Seconds = options.Seconds,
                WarmupSeconds = options.WarmupSeconds,
                Machine = await Machine.ReadAsync(),
                LeftOut = leftOut,
                Measurements = [],
            };
        var started = Stopwatch.GetTimestamp();
        await using var redis = new RedisServer();
        await redis.StartAsync();
        for (var round = 1; round <= options.Rounds && Stopwatch.GetElapsedTime(started) < table.Bound; round++)
        {
            Console.WriteLine($"round {round} of {options.Rounds}");
            foreach (var peer in options.Peers.Where(peer => !leftOut.ContainsKey(peer.Key) && !run.Measurements.Any(one => one.Peer == peer.Key && one.Round == round)))
            {
                var measurements = new List<Measurement>();

                // Which client comes first changes, so that neither always meets the warmer processes.
                await new TableTurn(new(peer, round, options, redis, measurements), options.Scenarios, [.. round % 2 == 1 ? table.Clients : table.Clients.Reverse()]).RunAsync();
                run = run with { Measurements = [.. run.Measurements, .. measurements] };
                path = run.Save(options.Output);
            }
        }

        Console.WriteLine($"{Environment.NewLine}{TableReport.Render(run, [])}{Environment.NewLine}{path}, after {Stopwatch.GetElapsedTime(started).TotalMinutes:N1} min");
        return run.Measurements.Where(static one => one.Peer == Peer.Ours.Key).Sum(static one => one.Faults) > 0 ? 1 : 0;
    }
}
