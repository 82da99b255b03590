using System.IO.Pipelines;
using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What a socket gets to too late is not written.</summary>
public sealed class TimeToLiveTests
{
    private readonly GatedStream _stream = new();
    private readonly QueueOwner _owner = new();
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task Write_TimeIsOverWhileItWaits_IsDroppedAndCountedAndTheOthersAreWritten()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "being written", seconds: 1);
        Send(queue, "short", seconds: 1);
        Send(queue, "plain");
        Send(queue, "long", seconds: 10);
        Send(queue, "short again", seconds: 1);

        _time.Advance(TimeSpan.FromSeconds(1));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["being written", "plain", "long"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
        await CountedAsync(2);
        Assert.Equal((0, 0), (_owner.Dropped, _owner.Conflated));
    }

    [Fact]
    public async Task Write_WhoeverCountsWhatIsTooLateThrows_TheOthersAreWritten()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "being written");
        Send(queue, "late", seconds: 1);
        Send(queue, "plain");
        _owner.OnTold = () =>
        {
            _owner.OnTold = null;
            throw new NotSupportedException("as a listener of the metrics may");
        };

        _time.Advance(TimeSpan.FromSeconds(1));
        _stream.Open();
        await CountedAsync(1);
        await queue.DrainAsync().WithinGuardAsync();
        Send(queue, "later");

        Assert.Equal(["being written", "plain", "later"], _stream.Texts());
    }

    [Fact]
    public void Write_InTime_IsWritten()
    {
        var queue = NewQueue();
        Send(queue, "now", seconds: 1);

        Assert.Equal(["now"], _stream.Texts());
        Assert.Equal(0, _owner.Expired);
    }

    [Fact]
    public async Task Write_OnlyWhatIsTooLateWaitsBeforeAClose_TheCloseIsWritten()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "being written");
        Send(queue, "late", seconds: 1);
        var close = queue.WriteAsync(new byte[] { 0x88, 0x00 });

        _time.Advance(TimeSpan.FromSeconds(1));
        _stream.Open();
        await close.WithinGuardAsync();

        Assert.Equal(["being written", "close"], _stream.Texts());
        await CountedAsync(1);
    }

    [Fact]
    public async Task Write_TimeIsOverInTheMiddleOfAFrame_IsWrittenToItsEnd()
    {
        var queue = NewQueue();
        var text = new string('x', 3 * OutboundQueue.JoinBytes);
        _stream.Shut();
        Send(queue, text, seconds: 1);
        Send(queue, "late", seconds: 1);

        _time.Advance(TimeSpan.FromSeconds(1));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal([text], _stream.Texts());
        await CountedAsync(1);
    }

    [Theory]
    [InlineData(SlowConsumerPolicy.Close)]
    [InlineData(SlowConsumerPolicy.DropNewest)]
    [InlineData(SlowConsumerPolicy.DropOldest)]
    public async Task Enqueue_FullOfWhatIsTooLate_MakesRoomAndIsNoSlowConsumer(SlowConsumerPolicy policy)
    {
        var queue = NewQueue(frames: 3, policy);
        _stream.Shut();
        Send(queue, "being written");
        Send(queue, "late", seconds: 1);
        Send(queue, "plain");
        Send(queue, "late, too", seconds: 1);

        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(Send(queue, "new"));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["being written", "plain", "new"], _stream.Texts());
        Assert.Equal((2, 0, 0), (_owner.Expired, _owner.Dropped, _owner.Full));
    }

    [Theory]
    [InlineData(SlowConsumerPolicy.DropNewest)]
    [InlineData(SlowConsumerPolicy.DropOldest)]
    public void Enqueue_FullOfWhatIsNotTooLate_LooksNotAtEachThatWaits(SlowConsumerPolicy policy)
    {
        const int Sends = 50;
        var time = new CountingTime();
        var queue = NewQueue(frames: 1_000, policy);
        _stream.Shut();
        Send(queue, "being written");
        for (var i = 0; i < 1_000; i++)
        {
            Assert.True(Send(queue, "waits", Terms()));
        }

        var reads = time.Reads;
        for (var i = 0; i < Sends; i++)
        {
            Send(queue, "new", Terms());
        }

        Assert.Equal(Sends, _owner.Dropped);
        Assert.InRange(time.Reads - reads, 1, 10 * Sends);

        DeliveryTerms? Terms() => DeliveryTerms.Of(new() { TimeToLive = TimeSpan.FromHours(1) }, null, time);
    }

    [Fact]
    public void Enqueue_FullOfWhatExpiresOneAfterTheOther_MakesRoomForEachInItsTime()
    {
        var queue = NewQueue(frames: 4, SlowConsumerPolicy.DropNewest);
        _stream.Shut();
        Send(queue, "being written");
        Send(queue, "third", seconds: 3);
        Send(queue, "plain");
        Send(queue, "first", seconds: 1);
        Send(queue, "second", seconds: 2);
        for (var expired = 0; expired < 3; expired++)
        {
            Assert.False(Send(queue, "refused"));
            _time.Advance(TimeSpan.FromSeconds(1));
            Assert.True(Send(queue, "new"));
            Assert.Equal(expired + 1, _owner.Expired);
        }

        _time.Advance(TimeSpan.FromHours(1));
        Assert.False(Send(queue, "refused"));
        Assert.Equal((3, 4), (_owner.Expired, _owner.Dropped));
    }

    /// <summary>What expires before it is written is counted a little later, by a thread of the pool.</summary>
    private Task CountedAsync(int expired) => Eventually.TrueAsync(() => Volatile.Read(ref _owner.Expired) == expired, "what is too late is counted");

    private void Send(OutboundQueue queue, string text, int seconds) =>
        Assert.True(Send(queue, text, DeliveryTerms.Of(new() { TimeToLive = TimeSpan.FromSeconds(seconds) }, null, _time)));

    private static bool Send(OutboundQueue queue, string text, DeliveryTerms? terms = null)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text), terms: terms);
        var queued = queue.TryEnqueue(frame);
        queue.Start();
        return queued;
    }

    private OutboundQueue NewQueue(int frames = 16_384, SlowConsumerPolicy policy = SlowConsumerPolicy.Close) => new(
        PipeWriter.Create(_stream, new(minimumBufferSize: OutboundQueue.JoinBytes)),
        new() { OutboundQueueFrames = frames, SlowConsumerPolicy = policy },
        _owner);

    private sealed class CountingTime : TimeProvider
    {
        internal int Reads { get; private set; }

        public override long GetTimestamp()
        {
            Reads++;
            return base.GetTimestamp();
        }
    }
}
