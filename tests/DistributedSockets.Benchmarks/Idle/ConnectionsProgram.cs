using System.Diagnostics;
using System.Globalization;
using System.IO.Pipelines;
using DistributedSockets.Benchmarks.Peers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Idle;

/// <summary>The verb <c>connections</c>: what it costs to open very many connections, and what each holds while it is idle.</summary>
internal static class ConnectionsProgram
{
    public const string NodeVerb = "connections-node";

    public const string Usage = """
        connections [N] [SECONDS]  opens N idle connections (50000) over pipes, to Kestrel alone and to the library (a group each, then also with sessions that
                               can be resumed, and with such whose clients have gone), and looks again after SECONDS (40), and once more without what the log in memory
                               holds, which is elsewhere in a cluster; for connections over sockets see "peers memory" and "peers storm"
        """;

    private const int FirstConnections = 1_000;
    private const int AtOnce = 64;

    public static async Task<int> RunAsync(string[] args)
    {
        var count = args.Length > 0 ? Number(args[0]) : 50_000;
        var seconds = args.Length > 1 ? Number(args[1]) : 40;
#if DEBUG
        await Console.Error.WriteLineAsync("This is a debug build: what it measures says nothing. Use -c Release.");
#endif
        Console.WriteLine($"| {count:N0} connections | µs CPU/connect | connects/s | heap B/connection | RSS B/connection | heap after {seconds} s | RSS after {seconds} s | heap without the log |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
        foreach (var kind in new[] { IdleServer.Raw, IdleServer.Ours, IdleServer.Resumable, IdleServer.Away })
        {
            // A process each, so that neither finds what the other has left.
            using var process = Process.Start(new ProcessStartInfo("dotnet", [typeof(ConnectionsProgram).Assembly.Location, NodeVerb, kind, $"{count}", $"{seconds}"]))!;
            await process.WaitForExitAsync();
            if (process.ExitCode != 0)
            {
                return process.ExitCode;
            }
        }

        return 0;
    }

    /// <summary>Measures one server in this process, which holds both ends of each connection.</summary>
    public static async Task<int> RunNodeAsync(string kind, int count, int seconds)
    {
        var listener = new PipeListener();
        var log = new MeasuredLog();
        await using var app = await IdleServer.StartAsync(kind, listener, log);
        var pipes = new IDuplexPipe[count];
        var clients = new Task[count];
        await ConnectAsync(0, FirstConnections); // what these bring about once, code above all, belongs to no connection
        await LeaveAsync(0, FirstConnections);
        var (heapBefore, residentBefore) = Collect();
        var (cpuBefore, began) = (ProcessUsage.CpuSeconds(Environment.ProcessId), Stopwatch.GetTimestamp());
        await ConnectAsync(FirstConnections, count);
        var (cpu, elapsed) = (ProcessUsage.CpuSeconds(Environment.ProcessId) - cpuBefore, Stopwatch.GetElapsedTime(began));
        await LeaveAsync(FirstConnections, count);
        var (heap, resident) = Collect();
        await Task.Delay(TimeSpan.FromSeconds(seconds)); // which is what is measured: pings come and go
        var (heapLater, residentLater) = Collect();
        var ended = kind == IdleServer.Away ? 0 : clients.Count(static client => client.IsCompleted);
        log.LetGo();
        var (heapWithoutLog, _) = Collect();
        double added = count - FirstConnections;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"| {kind} | {cpu * 1e6 / added:N0} | {added / elapsed.TotalSeconds:N0} | {(heap - heapBefore) / added:N0} | {(resident - residentBefore) / added:N0} | {(heapLater - heapBefore) / added:N0} | {(residentLater - residentBefore) / added:N0} | {((heapLater - heapBefore) / added) - ((heapLater - heapWithoutLog) / count):N0} |"));
        if (ended > 0)
        {
            await Console.Error.WriteLineAsync($"{ended} connections have ended.");
        }

        Environment.Exit(ended > 0 ? 1 : 0); // rather than close each with a handshake
        return 0;

        async Task ConnectAsync(int from, int to)
        {
            var next = from - 1;
            await Task.WhenAll(Enumerable.Range(0, AtOnce).Select(async _ =>
            {
                for (var number = Interlocked.Increment(ref next); number < to; number = Interlocked.Increment(ref next))
                {
                    var pipe = pipes[number] = listener.Connect(number);
                    await IdleClient.OpenAsync(pipe, IdleServer.IsResumable(kind));
                    clients[number] = IdleClient.IdleAsync(pipe);
                }
            }));
        }

        // Has clients go, where it is about sessions that are away.
        async Task LeaveAsync(int from, int to)
        {
            if (kind != IdleServer.Away)
            {
                return;
            }

            for (var number = from; number < to; number++)
            {
                await pipes[number].Output.CompleteAsync();
                pipes[number] = null!; // no longer needed
            }

            var away = app.Services.GetRequiredService<AwaySessions>();
            while (away.Count < to)
            {
                await Task.Delay(10);
            }
        }
    }

    private static (double Heap, double Resident) Collect()
    {
        for (var i = 0; i < 2; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return (GC.GetTotalMemory(forceFullCollection: true), ProcessUsage.ResidentKiB(Environment.ProcessId) * 1024);
    }

    private static int Number(string text) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : throw new FormatException($"{text} is no number.");
}
