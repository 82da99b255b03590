using System.Globalization;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Log;

/// <summary>The verb <c>records</c>: what the records of sessions cost Redis whose clients acknowledge all the time.</summary>
internal static class RecordsProgram
{
    public const string Usage = """
        records [SESSIONS] [SECONDS]  the records of SESSIONS (100000) that can be resumed and whose clients acknowledge every second, by nodes in this process, over Redis (20 s each)
        """;

    public static async Task<int> RunAsync(string[] args)
    {
        var (sessions, seconds) = (args.Length > 0 ? Number(args[0]) : 100_000, args.Length > 1 ? Number(args[1]) : 20);
        if (!RedisServer.IsInstalled)
        {
            throw new FormatException("redis-server is not installed on this machine.");
        }

        Console.WriteLine($"| {sessions:N0} sessions on | ids in each | bytes of a record | in Redis | written | calls | Redis CPU | Redis CPU each | nodes CPU each | longest round |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (var (nodes, handled) in ((int, int)[])[(1, 0), (5, 0), (5, 100), (5, 1_000)])
        {
            await using var redis = new RedisServer();
            await redis.StartAsync();
            await using var load = await RecordLoad.StartAsync(redis, nodes, sessions, handled);
            var result = await load.RunAsync(TimeSpan.FromSeconds(seconds));
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| {nodes} nodes | {handled:N0} | {load.ValueBytes:N0} | {load.BytesPerRecord:N0} B | {result.WrittenPerSecond:N0} /s | {result.CommandsPerSecond:N0} /s | {result.RedisProcessors:P0} | {result.RedisMicroseconds:N1} µs | {result.NodeMicroseconds:N1} µs | {result.LongestRound.TotalSeconds:N2} s |"));
        }

        return 0;
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new FormatException($"{text} is no number.");
}
