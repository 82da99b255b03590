using System.Buffers.Binary;
using System.Diagnostics;
using System.Globalization;
using CustomBackplane;
using DistributedSockets.Benchmarks.Load;
using DistributedSockets.Benchmarks.Peers;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Benchmarks.Postgres;

/// <summary>One node that publishes at a rate, and one that subscribes, with a backplane each.</summary>
internal sealed class PostgresLoad : IAsyncDisposable, IBackplaneReceiver
{
    private const string Channel = "benchmark:v1:default:all";

    private readonly PostgresServer _server;
    private readonly PostgresBackplane _publisher;
    private readonly PostgresBackplane _subscriber;
    private readonly Histogram _latency = new();
    private readonly byte[] _payload;
    private readonly int _rate;
    private readonly int _atOnce;
    private readonly SemaphoreSlim _window;
    private long _published;
    private long _refused;
    private string? _trouble;

    private PostgresLoad(PostgresServer server, int bytes, int rate, int atOnce)
    {
        (_server, _rate, _atOnce, _window, _payload) = (server, rate, atOnce, new(atOnce), new byte[bytes]);
        Random.Shared.NextBytes(_payload);
        (_publisher, _subscriber) = (Create(), Create());

        PostgresBackplane Create() => new(
            Options.Create(new PostgresBackplaneOptions { ConnectionString = server.ConnectionString }),
            Options.Create(new DistributedWebSocketsClusterOptions { Prefix = "benchmark" }));
    }

    public static async Task<PostgresLoad> StartAsync(PostgresServer server, int bytes, int rate, int atOnce)
    {
        var load = new PostgresLoad(server, bytes, rate, atOnce);
        await load._publisher.StartAsync(load);
        await load._subscriber.StartAsync(load);
        await load._subscriber.SubscribeAsync(Channel);
        return load;
    }

    /// <summary>Publishes for a while, waits for what is on its way, and says how it went as a row of a table.</summary>
    public async Task<string> RunAsync(TimeSpan time)
    {
        (_published, _refused, _trouble) = (0, 0, null);
        lock (_latency)
        {
            _latency.Clear();
        }

        var (nodes, database) = (Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds, DatabaseCpuSeconds());
        var started = Stopwatch.GetTimestamp();
        await (_rate == 0 ? PublishAsFastAsPossibleAsync(started, time) : PublishAtRateAsync(started, time));
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        (nodes, database) = (Process.GetCurrentProcess().TotalProcessorTime.TotalSeconds - nodes, DatabaseCpuSeconds() - database);
        for (var waited = Stopwatch.GetTimestamp(); Interlocked.Read(ref _published) > Arrived() && Stopwatch.GetElapsedTime(waited).TotalSeconds < 5;)
        {
            await Task.Delay(10);
        }

        lock (_latency)
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"| {_payload.Length:N0} B | {(_rate == 0 ? $"{_atOnce} at once" : $"{_rate:N0} /s")} | {_latency.Count / seconds:N0} /s | {_refused:N0} | " +
                $"{_latency.Milliseconds(0.5):N1} ms | {_latency.Milliseconds(0.99):N1} ms | {database / seconds:P0} | {nodes / seconds:P0} |{_trouble}");
        }
    }

    public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
    {
        var sent = BinaryPrimitives.ReadInt64LittleEndian(payload.Span);
        lock (_latency)
        {
            _latency.Add((long)Stopwatch.GetElapsedTime(sent).TotalNanoseconds);
        }
    }

    public void OnUnavailable(Exception? cause) => _trouble = $" {cause?.Message}";

    public void OnAvailable()
    {
    }

    public void OnPossibleLoss(string description) => _trouble = $" {description}";

    public async ValueTask DisposeAsync()
    {
        await _publisher.DisposeAsync();
        await _subscriber.DisposeAsync();
        _window.Dispose();
    }

    private async Task PublishAtRateAsync(long started, TimeSpan time)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(1));
        var publishes = new List<Task>();
        for (var count = 0L; Stopwatch.GetElapsedTime(started) < time; await timer.WaitForNextTickAsync())
        {
            for (var due = (long)(Stopwatch.GetElapsedTime(started).TotalSeconds * _rate); count < due; count++)
            {
                publishes.Add(PublishAsync());
            }

            publishes.RemoveAll(static publish => publish.IsCompleted);
        }

        await Task.WhenAll(publishes);
    }

    private async Task PublishAsFastAsPossibleAsync(long started, TimeSpan time)
    {
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            await _window.WaitAsync();
            _ = PublishAsync().ContinueWith(static (_, window) => ((SemaphoreSlim)window!).Release(), _window, TaskScheduler.Default);
        }

        for (var i = 0; i < _atOnce; i++)
        {
            await _window.WaitAsync();
        }

        _window.Release(_atOnce);
    }

    private async Task PublishAsync()
    {
        BinaryPrimitives.WriteInt64LittleEndian(_payload, Stopwatch.GetTimestamp()); // copied by the call before it returns
        try
        {
            await _publisher.PublishAsync(Channel, _payload);
            Interlocked.Increment(ref _published);
        }
        catch (BackplaneUnavailableException)
        {
            Interlocked.Increment(ref _refused);
        }
    }

    private long Arrived()
    {
        lock (_latency)
        {
            return _latency.Count;
        }
    }

    /// <summary>The postmaster and its children.</summary>
    private double DatabaseCpuSeconds()
    {
        var all = File.ReadAllText($"/proc/{_server.ProcessId}/task/{_server.ProcessId}/children").Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return ProcessUsage.CpuSeconds(_server.ProcessId) + all.Sum(static child => ProcessUsage.CpuSeconds(int.Parse(child, CultureInfo.InvariantCulture)));
    }
}
