using System.Collections.Concurrent;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>Publishes that come while others wait for their answer, and so go out together.</summary>
public sealed class RedisBatchTests : IAsyncLifetime
{
    private const int Count = 300;

    private readonly RedisServer _server = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        return _server.InitializeAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Publish_ManyAtOnce_EachHasItsOwnCountAndTheOrderOfCallsIsKept(string protocol)
    {
        string[] channels = ["batch:v1:nobody", "batch:v1:one", "batch:v1:two"];
        await using var node = await StartNodeAsync(protocol);
        await using var other = await StartNodeAsync(protocol);
        await node.SubscribeAsync(channels[1], channels[2]);
        await other.SubscribeAsync(channels[2]);
        await _server.PauseAsync();

        var publishes = Enumerable.Range(0, Count).Select(i => node.PublishAsync(channels[i % 3], $"{i}")).ToArray();
        Assert.DoesNotContain(publishes, static publish => publish.IsCompleted);
        await _server.ResumeAsync();

        var counts = await Task.WhenAll(publishes).WithinGuardAsync();
        Assert.Equal(Enumerable.Range(0, Count).Select(static i => (long?)(i % 3)), counts);
        Assert.Equal(Every(3, from: 1), await node.Received.WaitForAsync(channels[1], Count / 3));
        Assert.Equal(Every(3, from: 2), await node.Received.WaitForAsync(channels[2], Count / 3));
        Assert.Equal(Every(3, from: 2), await other.Received.WaitForAsync(channels[2], Count / 3));

        static IEnumerable<string> Every(int step, int from) => Enumerable.Range(0, Count / step).Select(i => $"{from + (step * i)}");
    }

    [Fact]
    public async Task Publish_CancelledAmongOthersThatWait_EndsAtOnceAndTheOthersArrive()
    {
        const string channel = "batch:v1:cancelled";
        await using var node = await StartNodeAsync("resp3");
        await node.SubscribeAsync(channel);
        await _server.PauseAsync();
        using var cancellation = new CancellationTokenSource();

        var before = node.PublishAsync(channel, "before");
        var cancelled = node.Backplane.PublishAsync(channel, "cancelled"u8.ToArray(), cancellation.Token).AsTask();
        var after = node.PublishAsync(channel, "after");
        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WithinGuardAsync());
        Assert.False(before.IsCompleted || after.IsCompleted);
        await _server.ResumeAsync();
        Assert.Equal([1, 1], await Task.WhenAll(before, after).WithinGuardAsync());
        await node.Received.WaitForAsync(channel, "after");
    }

    [Fact]
    public async Task Publish_ManyThatAreNotAnswered_EachFailsAndLaterOnesWork()
    {
        const string channel = "batch:v1:late";
        await using var node = await BackplaneNode.StartAsync(
            RedisFactory.Backplane(_server.EndPoint, static options => options.OperationTimeout = TimeSpan.FromSeconds(1)));
        await node.SubscribeAsync(channel);
        await _server.PauseAsync();

        var failures = await Task.WhenAll(Enumerable.Range(0, Count).Select(i => Record.ExceptionAsync(() => node.PublishAsync(channel, $"{i}")).AsTask())).WithinGuardAsync();

        Assert.All(failures, static failure => Assert.IsType<BackplaneUnavailableException>(failure));
        await _server.ResumeAsync();
        await Eventually.TrueAsync(async () => await Record.ExceptionAsync(() => node.PublishAsync(channel, "afterwards")) is null, "Redis answers again");
        await node.Received.WaitForAsync(channel, "afterwards");
    }

    [Fact]
    public async Task Publish_DisposedMeanwhileOverAConnectionOfTheApp_EachEnds()
    {
        await using var connection = await ConnectionMultiplexer.ConnectAsync(_server.EndPoint);
        var node = await BackplaneNode.StartAsync(Over(connection, TimeProvider.System, timeout: TimeSpan.FromSeconds(60)));
        await _server.PauseAsync();
        var publishes = Enumerable.Range(0, Count).Select(i => Record.ExceptionAsync(() => node.PublishAsync("batch:v1:disposed", $"{i}")).AsTask()).ToArray();

        var disposing = node.DisposeAsync().AsTask();
        await _server.ResumeAsync();

        await disposing.WithinGuardAsync();
        Assert.All(await Task.WhenAll(publishes).WithinGuardAsync(), static failure => Assert.True(failure is null or BackplaneUnavailableException, $"{failure}"));
    }

    [Fact]
    public async Task Publish_Many_TakesNoTimerForEach()
    {
        var time = new TimerCountingTime();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(_server.EndPoint);
        await using var node = await BackplaneNode.StartAsync(Over(connection, time));
        var before = time.Timers;

        for (var i = 0; i < 10; i++)
        {
            await Task.WhenAll(Enumerable.Range(0, Count).Select(i => node.PublishAsync("batch:v1:timers", $"{i}"))).WithinGuardAsync();
        }

        Assert.InRange(time.Timers - before, 0, Count);
    }

    [Fact]
    public async Task Publish_ManyWhileAWriteIsUnderWay_GoOutInOneBatch()
    {
        const string channel = "batch:v1:together";
        await using var connection = await ConnectionMultiplexer.ConnectAsync(_server.EndPoint);
        var (watched, watch) = WatchedConnection.Of(connection);
        await using var node = await BackplaneNode.StartAsync(Over(watched, TimeProvider.System));
        await node.SubscribeAsync(channel);

        using var entered = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        watch.WhileWriting = () =>
        {
            entered.Release();
            goOn.Wait(Cancellation);
        };
        var first = Task.Run(() => node.PublishAsync(channel, "0"), Cancellation);
        Assert.True(await entered.WaitAsync(TimeSpan.FromSeconds(60), Cancellation));
        watch.WhileWriting = null;
        var others = Enumerable.Range(1, 100).Select(i => node.PublishAsync(channel, $"{i}")).ToArray();
        goOn.Release();

        await Task.WhenAll([first, .. others]).WithinGuardAsync();
        Assert.Equal((1, 1), (watch.Singles, watch.Batches));
        Assert.Equal(Enumerable.Range(0, 101).Select(static i => $"{i}"), await node.Received.WaitForAsync(channel, 101));
    }

    [Fact]
    public async Task Flush_WritingTakesMostOfTheLimit_TheAnswerHasOnlyTheRest()
    {
        var limit = TimeSpan.FromSeconds(2);
        var time = new RecordingTime();
        await using var connection = await ConnectionMultiplexer.ConnectAsync(_server.EndPoint);
        var (watched, watch) = WatchedConnection.Of(connection);
        var backplane = Over(watched, time);
        await using var node = await BackplaneNode.StartAsync(backplane);
        using var entered = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        watch.WhileWriting = () =>
        {
            entered.Release();
            goOn.Wait(Cancellation);
        };
        var publish = Task.Run(() => node.PublishAsync("batch:v1:flush", "0"), Cancellation);
        Assert.True(await entered.WaitAsync(TimeSpan.FromSeconds(60), Cancellation));
        watch.WhileWriting = null;
        watch.HoldsPings = true;

        var flush = backplane.FlushAsync(limit, Cancellation);
        time.Advance(limit * 0.6);
        goOn.Release();
        await watch.Pinged.WithinGuardAsync();
        await Eventually.TrueAsync(() => time.DueTimes.Contains(limit * 0.4), "the flush waits for the rest of its limit");
        time.Advance(limit * 0.4);

        Assert.False(await flush.WithinGuardAsync());
        await publish.WithinGuardAsync();
    }

    private static RedisBackplane Over(IConnectionMultiplexer connection, TimeProvider time, TimeSpan? timeout = null) =>
        new(
            new() { ConnectionMultiplexer = connection, OperationTimeout = timeout ?? TimeSpan.FromSeconds(10) },
            RedisBackplane.NewProbe("batch"),
            isShard: false,
            time,
            NullLogger.Instance);

    private Task<BackplaneNode> StartNodeAsync(string protocol) => BackplaneNode.StartAsync(RedisFactory.Backplane($"{_server.EndPoint},protocol={protocol}"));

    /// <summary>A clock that knows what its timers were made for.</summary>
    private sealed class RecordingTime : FakeTimeProvider
    {
        public ConcurrentQueue<TimeSpan> DueTimes { get; } = [];

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            DueTimes.Enqueue(dueTime);
            return timer;
        }
    }

    private sealed class TimerCountingTime : TimeProvider
    {
        private int _timers;

        public int Timers => Volatile.Read(ref _timers);

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            Interlocked.Increment(ref _timers);
            return base.CreateTimer(callback, state, dueTime, period);
        }
    }
}
