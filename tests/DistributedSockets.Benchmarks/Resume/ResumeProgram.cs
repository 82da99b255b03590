using System.Globalization;
using DistributedSockets.Benchmarks.Results;
using DistributedSockets.TestServers;

namespace DistributedSockets.Benchmarks.Resume;

/// <summary>The verb <c>resume</c>: a node dies, and all of its clients go on with their sessions at another one.</summary>
internal static class ResumeProgram
{
    public const string Usage = """
        resume [CLIENTS] [ROUNDS]  kills the one of two nodes that has all CLIENTS (10000), whose sessions can be resumed, and waits until they are back
                               at the other one with all that was sent meanwhile; ROUNDS times (3)
        """;

    private static readonly TimeSpan s_before = TimeSpan.FromSeconds(12); // so that each session has written its record once

    public static async Task<int> RunAsync(string[] args)
    {
        var (clients, rounds) = (args.Length > 0 ? Number(args[0]) : 10_000, args.Length > 1 ? Number(args[1]) : 3);
        if (!RedisServer.IsInstalled)
        {
            throw new FormatException("redis-server is not installed on this machine.");
        }

        var machine = await Machine.ReadAsync();
        Console.WriteLine($"{machine.Processors} × {machine.Processor}, {machine.Dotnet}, commit {machine.Commit}");
        Console.WriteLine($"| {clients:N0} clients | back: median | 99 % | all | all caught up | 503s | node CPU s | Redis CPU s | client CPU s | repeats | missing | wrong |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        await using var redis = new RedisServer();
        await redis.StartAsync();
        var isWhole = true;
        for (var round = 1; round <= rounds; round++)
        {
            await using var load = await ResumeLoad.StartAsync(redis, clients);
            await Task.Delay(s_before);
            var result = await load.KillAsync();
            isWhole &= result is { Missing: 0, Wrong: 0 };
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"| round {round} | {result.BackP50:N1} s | {result.BackP99:N1} s | {result.BackAll:N1} s | {result.CaughtUp:N1} s | {result.ToldToWait:N0} | {result.NodeCpuSeconds:N1} | {result.RedisCpuSeconds:N1} | {result.ClientCpuSeconds:N1} | {result.Repeats:N0} | {result.Missing:N0} | {result.Wrong:N0} |"));
        }

        return isWhole ? 0 : 1;
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0 ? number : throw new FormatException($"{text} is no number.");
}
