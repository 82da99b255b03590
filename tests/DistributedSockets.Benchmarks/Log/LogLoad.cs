using System.Diagnostics;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Log;

/// <summary>Nodes that host one hub, each with a message log of its own over one server. They append in turns, and all of them receive everything.</summary>
internal sealed class LogLoad : IAsyncDisposable
{
    private const int Groups = 1_000;

    private static readonly LogHub s_hub = new()
    {
        Name = "benchmark",
        Retention = new() { MaxAge = TimeSpan.FromMinutes(5), MaxEntriesPerTarget = 1_000, MaxBytesPerTarget = null, IdempotencyTime = TimeSpan.FromMinutes(1) },
    };

    private static readonly LogTarget[][] s_targets = [.. Enumerable.Range(0, Groups).Select(static i => new[] { LogTarget.Group($"group{i}") })];

    private readonly TestServer _server;
    private readonly byte[] _payload;
    private readonly List<(ServiceProvider Services, IMessageLog Log, Receiver Receiver)> _nodes = [];
    private int _next;

    private LogLoad(TestServer server, int bytes) => (_server, _payload) = (server, new byte[bytes]);

    /// <param name="server">A server that holds nothing.</param>
    /// <param name="nodes">How many nodes.</param>
    /// <param name="bytes">How long an entry is.</param>
    public static async Task<LogLoad> StartAsync(TestServer server, int nodes, int bytes)
    {
        var load = new LogLoad(server, bytes);
        for (var i = 0; i < nodes; i++)
        {
            var services = new ServiceCollection();
            var sockets = services.AddDistributedWebSockets();
            _ = server is NatsServer nats ? sockets.UseNatsMessageLog(nats.Url) : sockets.UseRedisMessageLog(server.EndPoint);
            var provider = services.BuildServiceProvider();
            var node = (provider, provider.GetRequiredService<IMessageLog>(), new Receiver());
            load._nodes.Add(node);
            await node.Item2.StartAsync(node.Item3);
            await node.Item2.SubscribeAsync(s_hub);
        }

        return load;
    }

    /// <summary>Appends for a while.</summary>
    /// <param name="time">For how long.</param>
    /// <param name="rate">How many in a second; 0 for as many as can be.</param>
    /// <param name="outstanding">How many are on their way at once, if there is no rate.</param>
    public async Task<LogLoadResult> RunAsync(TimeSpan time, int rate, int outstanding)
    {
        var (appended, calls, before) = (0L, await CallsAsync(), ProcessUsage.CpuSeconds(_server.ProcessId));
        var started = Stopwatch.GetTimestamp();
        if (rate == 0)
        {
            await Task.WhenAll(Enumerable.Range(0, outstanding).Select(_ => Task.Run(AppendOnAndOnAsync)));
        }
        else
        {
            await AppendAtRateAsync();
        }

        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        while (_nodes.Exists(node => node.Receiver.Last < _nodes.Max(static one => one.Receiver.Appended)))
        {
            await Task.Delay(1);
        }

        var cost = (ProcessUsage.CpuSeconds(_server.ProcessId) - before) / appended * 1e6;
        return new(appended / seconds, cost, calls is { } first ? appended / (double)(await CallsAsync() - first)! : null);

        async Task AppendOnAndOnAsync()
        {
            while (Stopwatch.GetElapsedTime(started) < time)
            {
                await AppendAsync();
                Interlocked.Increment(ref appended);
            }
        }

        async Task AppendAtRateAsync()
        {
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
            var appends = new List<Task>();
            for (; Stopwatch.GetElapsedTime(started) < time; await timer.WaitForNextTickAsync())
            {
                for (var due = (long)(Stopwatch.GetElapsedTime(started).TotalSeconds * rate); appended < due; appended++)
                {
                    appends.Add(AppendAsync());
                }
            }

            await Task.WhenAll(appends);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var (services, _, _) in _nodes)
        {
            await services.DisposeAsync();
        }
    }

    private async Task AppendAsync()
    {
        var number = Interlocked.Increment(ref _next);
        var (_, log, receiver) = _nodes[number % _nodes.Count];
        var result = await log.AppendAsync(s_hub, new() { Targets = s_targets[number % Groups], Payload = _payload });
        receiver.NoteAppended(result.Position.Offset);
    }

    /// <summary>How many calls of scripts Redis has carried out. JetStream is asked for each entry by itself.</summary>
    private async Task<long?> CallsAsync()
    {
        if (_server is not RedisServer redis)
        {
            return null;
        }

        var stats = await redis.CommandAsync("INFO", "commandstats");
        return stats.Split('\n').Where(static line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
            .Sum(static line => long.Parse(line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..line.IndexOf(',', StringComparison.Ordinal)], null));
    }

    private sealed class Receiver : IMessageLogReceiver
    {
        private long _last;
        private long _appended;

        /// <summary>The last offset that arrived.</summary>
        public long Last => Volatile.Read(ref _last);

        /// <summary>The highest offset that was answered here.</summary>
        public long Appended => Volatile.Read(ref _appended);

        public void NoteAppended(long offset)
        {
            for (var known = Appended; known < offset && Interlocked.CompareExchange(ref _appended, offset, known) != known; known = Appended)
            {
            }
        }

        public void OnAppended(string hub, long epoch, in LogEntry entry) => Volatile.Write(ref _last, entry.Offset);

        public void OnUnavailable(Exception? cause) => Console.Error.WriteLine($"The log is away: {cause?.Message}");

        public void OnAvailable()
        {
        }
    }
}
