using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>How what arrives on many channels reaches the receiver.</summary>
public sealed class RedisInboxTests(RedisServer server)
{
    private const int Busy = 1_000;

    private readonly string _prefix = $"inbox-{Guid.NewGuid():N}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Receive_ManyOnManyChannels_EachChannelIsInOrderNeverTwiceAtOnceAndWithoutAContext(string protocol)
    {
        const int channels = 100;
        const int count = 50;
        server.SkipUnlessAvailable();
        var receiver = new OrderReceiver(channels * count);
        await using var backplane = RedisFactory.Backplane($"{server.EndPoint},protocol={protocol}", prefix: _prefix);
        await backplane.StartAsync(receiver, Cancellation);
        await Task.WhenAll(Enumerable.Range(0, channels).Select(i => backplane.SubscribeAsync($"{_prefix}:{i}", Cancellation).AsTask()));
        await using var publisher = await BackplaneNode.StartAsync(RedisFactory.Backplane($"{server.EndPoint},protocol={protocol}", prefix: _prefix));

        await Task.WhenAll(Enumerable.Range(0, channels * count).Select(i => publisher.PublishAsync($"{_prefix}:{i % channels}", $"{i / channels}"))).WithinGuardAsync();

        await receiver.Done.Task.WithinGuardAsync();
        Assert.Empty(receiver.Problems);
    }

    [Fact]
    public async Task Receive_OneChannelHasMuch_OthersHaveTheirTurnInBetween()
    {
        server.SkipUnlessAvailable();
        var receiver = new BusyReceiver(_prefix + ":busy", Busy, Cancellation);
        await using var backplane = RedisFactory.Backplane(server.EndPoint.ToString(), prefix: _prefix);
        await backplane.StartAsync(receiver, Cancellation);
        await backplane.SubscribeAsync(_prefix + ":busy", Cancellation);
        await backplane.SubscribeAsync(_prefix + ":other", Cancellation);
        await using var publisher = await BackplaneNode.StartAsync(RedisFactory.Backplane(server.EndPoint.ToString(), prefix: _prefix));
        for (var i = 0; i < Busy; i++)
        {
            await publisher.PublishAsync(_prefix + ":busy", "x").WithinGuardAsync();
        }

        await publisher.PublishAsync(_prefix + ":other", "x").WithinGuardAsync();
        receiver.Go.Set();

        Assert.InRange(await receiver.BusyBeforeOther.Task.WithinGuardAsync(), 1, Busy / 2);
        await receiver.AllBusy.Task.WithinGuardAsync();
    }

    [Fact]
    public async Task Post_OneTakesItsTime_OthersHelp()
    {
        const int count = 500;
        var inbox = new RedisInbox();
        using var last = new ManualResetEventSlim();
        var first = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = count;

        inbox.Post(
            _ =>
            {
                last.Wait(Cancellation);
                first.SetResult();
            },
            null);
        for (var i = 0; i < count; i++)
        {
            inbox.Post(
                _ =>
                {
                    if (Interlocked.Decrement(ref left) == 0)
                    {
                        last.Set();
                    }
                },
                null);
        }

        await first.Task.WithinGuardAsync();
    }

    [Fact]
    public async Task Post_FromManyThreads_EachRunsOnce()
    {
        const int threads = 4;
        const int count = 20_000;
        var inbox = new RedisInbox();
        var runs = new int[threads * count];
        var done = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var left = runs.Length;
        await Task.WhenAll(Enumerable.Range(0, threads).Select(thread => Task.Run(
            () =>
            {
                for (var i = 0; i < count; i++)
                {
                    inbox.Post(
                        state =>
                        {
                            Interlocked.Increment(ref runs[(int)state!]);
                            if (Interlocked.Decrement(ref left) == 0)
                            {
                                done.SetResult();
                            }
                        },
                        (thread * count) + i);
                }
            },
            Cancellation)));

        await done.Task.WithinGuardAsync();
        Assert.All(runs, static run => Assert.Equal(1, run));
    }

    /// <summary>Stands still at the first payload of a channel, and counts how many come before one of another.</summary>
    private sealed class BusyReceiver(string busy, int expected, CancellationToken cancellation) : IBackplaneReceiver
    {
        private int _busy;

        public ManualResetEventSlim Go { get; } = new();

        public TaskCompletionSource<int> BusyBeforeOther { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource AllBusy { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
            if (channel != busy)
            {
                BusyBeforeOther.TrySetResult(Volatile.Read(ref _busy));
                return;
            }

            var count = Interlocked.Increment(ref _busy);
            if (count == 1)
            {
                Go.Wait(cancellation);
            }

            if (count == expected)
            {
                AllBusy.TrySetResult();
            }
        }

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description)
        {
        }
    }

    private sealed class OrderReceiver(int expected) : IBackplaneReceiver
    {
        private readonly ConcurrentDictionary<string, StrongBox> _next = new(StringComparer.Ordinal);
        private int _left = expected;

        public ConcurrentQueue<string> Problems { get; } = [];

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
            var next = _next.GetOrAdd(channel, static _ => new());
            if (!Monitor.TryEnter(next))
            {
                Problems.Enqueue($"{channel} twice at once");
                return;
            }

            var number = int.Parse(Encoding.UTF8.GetString(payload.Span), CultureInfo.InvariantCulture);
            if (number != next.Value++)
            {
                Problems.Enqueue($"{channel}: {number} out of order");
            }

            if (SynchronizationContext.Current is not null)
            {
                Problems.Enqueue($"{channel}: in a synchronization context");
            }

            Monitor.Exit(next);
            if (Interlocked.Decrement(ref _left) == 0)
            {
                Done.SetResult();
            }
        }

        public void OnUnavailable(Exception? cause) => Problems.Enqueue("unavailable");

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description) => Problems.Enqueue(description);

        private sealed class StrongBox
        {
            public int Value { get; set; }
        }
    }
}
