using System.Globalization;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Log;

/// <summary>Measures what the message log costs its server, by the number of nodes that host the hub.</summary>
internal static class LogProgram
{
    public const string Usage = """
        log [nats] [SECONDS]   the message log over Redis or JetStream, of 1, 2, 4 and 8 nodes in this process (3 s each, after 1 s that does not count)
        """;

    private const int Bytes = 200;

    // At a rate per second, or as fast as it goes with so many on their way at once.
    private static readonly (int Rate, int Outstanding)[] s_loads = [(1_000, 0), (10_000, 0), (0, 64), (0, 1_024)];

    public static async Task<int> RunAsync(string[] args)
    {
        var isNats = args is ["nats", ..];
        var seconds = args[(isNats ? 1 : 0)..] switch
        {
            [] => 3,
            [var text] when int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 => number,
            _ => throw new FormatException("log takes a number of seconds."),
        };
        if (isNats ? !NatsServer.IsInstalled : !RedisServer.IsInstalled)
        {
            throw new FormatException($"{(isNats ? "nats-server" : "redis-server")} is not installed on this machine.");
        }

        Console.WriteLine($"| load | nodes | appended | in a call | {(isNats ? "JetStream" : "Redis")} CPU each |");
        Console.WriteLine("| --- | --- | --- | --- | --- |");
        foreach (var (rate, outstanding) in s_loads)
        {
            List<(double Nodes, double Cost)> costs = [];
            foreach (var nodes in (int[])[1, 2, 4, 8])
            {
                await using TestServer server = isNats ? new NatsServer { HasJetStream = true } : new RedisServer();
                await server.StartAsync();
                await using var load = await LogLoad.StartAsync(server, nodes, Bytes);
                await load.RunAsync(TimeSpan.FromSeconds(1), rate, outstanding);
                var result = await load.RunAsync(TimeSpan.FromSeconds(seconds), rate, outstanding);
                costs.Add((nodes, result.ServerMicroseconds));
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {(rate == 0 ? $"{outstanding} at once" : $"{rate:N0} /s")} | {nodes} | {result.PerSecond:N0} /s | {(result.PerCall is { } call ? call.ToString("N1", CultureInfo.InvariantCulture) : "–")} | {result.ServerMicroseconds:N1} µs |"));
            }

            var (fixedCost, perNode) = Line(costs);
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"| | | | | {fixedCost:N1} + {perNode:N1} · nodes µs |"));
        }

        return 0;
    }

    /// <summary>The line that fits best.</summary>
    private static (double At0, double Slope) Line(List<(double X, double Y)> points)
    {
        var (x, y) = (points.Average(static point => point.X), points.Average(static point => point.Y));
        var slope = points.Sum(point => (point.X - x) * (point.Y - y)) / points.Sum(point => (point.X - x) * (point.X - x));
        return (y - (slope * x), slope);
    }
}
