using System.Diagnostics;
using System.Globalization;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Benchmarks.Log;

/// <summary>The records of many sessions, spread over nodes that each look after their own once a second, and write the record of a session whose client has acknowledged something every 10 seconds.</summary>
internal sealed class RecordLoad : IAsyncDisposable
{
    private const int AtOnce = 16; // as a node does

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_checkpointInterval = TimeSpan.FromSeconds(10);

    private static readonly LogHub s_hub = new()
    {
        Name = "benchmark",
        Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, MaxBytesPerTarget = null, IdempotencyTime = TimeSpan.FromMinutes(1) },
    };

    private readonly RedisServer _redis;
    private readonly Node[] _nodes;

    private RecordLoad(RedisServer redis, Node[] nodes) => (_redis, _nodes) = (redis, nodes);

    /// <summary>How many bytes of Redis's memory a record takes, with all that belongs to it.</summary>
    public double BytesPerRecord { get; private set; }

    /// <summary>How long the value of a record is.</summary>
    public int ValueBytes { get; private set; }

    /// <summary>Writes all records for the first time.</summary>
    /// <param name="redis">A Redis that holds nothing.</param>
    /// <param name="nodes">How many nodes.</param>
    /// <param name="sessions">How many sessions in all.</param>
    /// <param name="handled">How many ids of handled messages each record holds.</param>
    public static async Task<RecordLoad> StartAsync(RedisServer redis, int nodes, int sessions, int handled)
    {
        var load = new RecordLoad(redis, [.. Enumerable.Range(0, nodes).Select(number => new Node(redis, number, sessions / nodes, handled))]);
        foreach (var node in load._nodes)
        {
            await node.Log.StartAsync(new Silence());
        }

        var before = await load.InfoAsync("memory", "used_memory:");
        await Task.WhenAll(load._nodes.Select(static node => node.WriteAllAsync()));
        load.BytesPerRecord = (await load.InfoAsync("memory", "used_memory:") - before) / (double)sessions;
        load.ValueBytes = SessionCheckpointFormat.Write(load._nodes[0].Next(0)).Length;
        return load;
    }

    /// <summary>Looks after the sessions for a while, in which their clients acknowledge without end.</summary>
    public async Task<RecordLoadResult> RunAsync(TimeSpan time)
    {
        var (commands, redis, own) = (await CommandsAsync(), ProcessUsage.CpuSeconds(_redis.ProcessId), ProcessUsage.CpuSeconds(Environment.ProcessId));
        var started = Stopwatch.GetTimestamp();
        var written = (await Task.WhenAll(_nodes.Select(node => Task.Run(() => node.RunAsync(started, time))))).Sum();
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        redis = ProcessUsage.CpuSeconds(_redis.ProcessId) - redis;
        own = ProcessUsage.CpuSeconds(Environment.ProcessId) - own;
        return new()
        {
            WrittenPerSecond = written / seconds,
            CommandsPerSecond = (await CommandsAsync() - commands) / seconds,
            RedisProcessors = redis / seconds,
            RedisMicroseconds = redis / written * 1e6,
            NodeMicroseconds = own / written * 1e6,
            LongestRound = _nodes.Max(static node => node.LongestRound),
        };
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    /// <summary>How many calls Redis has carried out for clients; what a script does inside is not counted.</summary>
    private async Task<long> CommandsAsync()
    {
        var stats = await _redis.CommandAsync("INFO", "commandstats");
        return stats.Split('\n').Where(static line => line.StartsWith("cmdstat_eval", StringComparison.Ordinal))
            .Sum(static line => long.Parse(line[(line.IndexOf('=', StringComparison.Ordinal) + 1)..line.IndexOf(',', StringComparison.Ordinal)], CultureInfo.InvariantCulture));
    }

    private async Task<long> InfoAsync(string section, string field)
    {
        var lines = (await _redis.CommandAsync("INFO", section)).Split("\r\n");
        return long.Parse(lines.Single(line => line.StartsWith(field, StringComparison.Ordinal))[field.Length..], CultureInfo.InvariantCulture);
    }

    private sealed class Silence : IMessageLogReceiver
    {
        public void OnAppended(string hub, long epoch, in LogEntry entry)
        {
        }

        public void OnUnavailable(Exception? cause) => Console.Error.WriteLine($"The log is away: {cause?.Message}");

        public void OnAvailable()
        {
        }
    }

    private sealed class Node : IAsyncDisposable
    {
        private readonly ServiceProvider _services;
        private readonly int _number;
        private readonly (string Id, long Version, long WrittenAt)[] _sessions;
        private readonly string[] _handled;
        private readonly byte[] _digest = SessionId.DigestOf(SessionId.CreateToken());

        public Node(RedisServer redis, int number, int sessions, int handled)
        {
            var services = new ServiceCollection();
            services.AddDistributedWebSockets().UseRedisMessageLog(redis.EndPoint);
            _services = services.BuildServiceProvider();
            Log = _services.GetRequiredService<IMessageLog>();
            _number = number;
            _sessions = [.. Enumerable.Range(0, sessions).Select(static _ => (SessionId.Create(), 0L, 0L))];
            _handled = [.. Enumerable.Range(0, handled).Select(static i => i.ToString("D8", CultureInfo.InvariantCulture))];
        }

        public IMessageLog Log { get; }

        /// <summary>The longest time from the beginning to the end of a look at all sessions.</summary>
        public TimeSpan LongestRound { get; private set; }

        /// <summary>What the record of a session holds.</summary>
        public SessionCheckpoint Next(int index) => new()
        {
            Owner = $"node{_number}-abcdefghij",
            Position = new(1, 1_000_000 + index),
            Number = 1_000 + index,
            TokenDigest = _digest,
            UserId = $"user{index:D8}",
            ConnectedAt = DateTimeOffset.UnixEpoch,
            Groups = [$"room-{index / 10:D6}", "everyone"],
            HandledIds = _handled,
        };

        public async Task WriteAllAsync()
        {
            await Parallel.ForAsync(0, _sessions.Length, new ParallelOptions { MaxDegreeOfParallelism = AtOnce * 4 }, async (index, _) => await WriteAsync(index));
            for (var i = 0; i < _sessions.Length; i++)
            {
                // They have begun at different times.
                _sessions[i].WrittenAt = Stopwatch.GetTimestamp() - (long)(i / (double)_sessions.Length * s_checkpointInterval.TotalSeconds * Stopwatch.Frequency);
            }
        }

        /// <returns>How many records were written.</returns>
        public async Task<long> RunAsync(long started, TimeSpan time)
        {
            var written = 0L;
            using var timer = new PeriodicTimer(s_period);
            while (Stopwatch.GetElapsedTime(started) < time)
            {
                var began = Stopwatch.GetTimestamp();
                var underWay = new List<Task>(AtOnce);
                for (var i = 0; i < _sessions.Length; i++)
                {
                    if (Stopwatch.GetElapsedTime(_sessions[i].WrittenAt) < s_checkpointInterval)
                    {
                        continue;
                    }

                    written++;
                    underWay.Add(WriteAsync(i));
                    if (underWay.Count == AtOnce)
                    {
                        var done = await Task.WhenAny(underWay);
                        underWay.Remove(done);
                        await done;
                    }
                }

                await Task.WhenAll(underWay);
                var round = Stopwatch.GetElapsedTime(began);
                LongestRound = round > LongestRound ? round : LongestRound;
                await timer.WaitForNextTickAsync();
            }

            return written;
        }

        public ValueTask DisposeAsync() => _services.DisposeAsync();

        private async Task WriteAsync(int index)
        {
            var (id, version, _) = _sessions[index];
            var record = new SessionRecord { Version = SessionId.CreateVersion(), Value = SessionCheckpointFormat.Write(Next(index)) };
            var swap = await ((ISessionRecordStore)Log).SwapRecordAsync(s_hub, id, version, record);
            if (!swap.IsDone)
            {
                throw new InvalidOperationException("A record has been written by somebody else.");
            }

            (_sessions[index].Version, _sessions[index].WrittenAt) = (record.Version, Stopwatch.GetTimestamp());
        }
    }
}
