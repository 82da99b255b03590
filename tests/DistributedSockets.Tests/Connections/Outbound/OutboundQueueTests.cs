using System.IO.Pipelines;
using System.Net.WebSockets;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

public sealed class OutboundQueueTests
{
    private readonly GatedStream _stream = new();
    private readonly QueueOwner _owner = new();

    [Fact]
    public void Enqueue_Idle_WritesInlineOnStart()
    {
        var queue = NewQueue();
        using var frame = Frame("hello");

        Assert.True(queue.TryEnqueue(frame));
        Assert.Empty(_stream.Writes);
        queue.Start();

        Assert.Equal(["hello"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Enqueue_NotOpenYet_IsWrittenOnceItIsOpen()
    {
        var queue = new OutboundQueue(null, new(), _owner);
        Send(queue, "first");
        var close = queue.WriteAsync(new byte[] { 0x88, 0x00 });
        Send(queue, "behind the close frame");
        Assert.False(close.IsCompleted);

        queue.Open(Output(_stream));

        await close.WithinGuardAsync();
        await queue.DrainAsync().WithinGuardAsync();
        Assert.Equal(["first", "close"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Open_NothingQueued_NextFrameIsWrittenInline()
    {
        var queue = new OutboundQueue(null, new(), _owner);
        await queue.DrainAsync().WithinGuardAsync();

        queue.Open(Output(_stream));
        Send(queue, "hello");

        Assert.Equal(["hello"], _stream.Texts());
    }

    [Fact]
    public async Task Abandon_FramesQueued_ReleasesThemAndDrains()
    {
        var queue = new OutboundQueue(null, new(), _owner);
        using var frame = Frame("unheard");
        Assert.True(queue.TryEnqueue(frame));
        queue.Start();
        var close = queue.WriteAsync(new byte[] { 0x88, 0x00 });

        queue.Abandon(new IOException("no answer"));

        await Assert.ThrowsAsync<IOException>(() => close.WithinGuardAsync());
        await queue.DisposeAsync().WithinGuardAsync();
        await Assert.ThrowsAsync<IOException>(() => queue.WriteAsync(new byte[] { 0x88, 0x00 }).WithinGuardAsync()); // as the platform may still try
        Assert.False(Send(queue, "too late"));
        Assert.Equal(0, queue.QueuedBytes);
        Assert.Equal(1, frame.References);
        Assert.Empty(_owner.Failures);
    }

    [Fact]
    public async Task Dispose_FrameQueuedByWhoNeverStarts_ReleasesItAndDrains()
    {
        var queue = NewQueue();
        using var frame = Frame("for a connection that the hub has let go of meanwhile");
        Assert.True(queue.TryEnqueue(frame));

        await queue.DisposeAsync().WithinGuardAsync();

        queue.Start(); // or too late
        Assert.Equal(1, frame.References);
        Assert.Empty(_stream.Writes);
    }

    [Fact]
    public async Task Enqueue_Busy_JoinsWhatWaitsIntoOneWrite()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "first");
        for (var i = 0; i < 100; i++)
        {
            Send(queue, $"{i}");
        }

        Assert.Single(_stream.Writes);
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(2, _stream.Writes.Count);
        Assert.Equal(["first", .. Enumerable.Range(0, 100).Select(i => $"{i}")], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Enqueue_FramesOfAllSizes_KeepTheirOrder()
    {
        var queue = NewQueue();
        _stream.Shut();
        string[] texts = [.. new[] { 1, 40_000, 3, 32_768, 5, 6, 20_000, 20_000, 0, 7 }.Select((length, i) => new string((char)('a' + i), length))];
        foreach (var text in texts)
        {
            Send(queue, text);
        }

        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(texts, _stream.Texts());
    }

    [Fact]
    public async Task Enqueue_CompressedFrames_AreWrittenAndCountedOnlyWhereTaken()
    {
        var deflater = new FrameDeflater(new() { EnableCompression = true });
        foreach (var takesDeflated in new[] { true, false })
        {
            var stream = new GatedStream();
            var queue = new OutboundQueue(Output(stream), new() { OutboundQueueBytes = 1_024, SlowConsumerPolicy = SlowConsumerPolicy.DropNewest }, _owner, takesDeflated);
            using var large = SharedFrame.Encode(WebSocketMessage.Text(new string('x', 900)), deflater);
            using var small = Frame("small");
            stream.Shut();
            Send(small); // being written while the others wait
            var sent = new[] { large, small, large }.Count(Send);

            Assert.Equal(takesDeflated ? 3 : 2, sent); // two large ones fit only compressed
            var counted = (2 * small.Length) + (takesDeflated ? 2 * large.Deflated.Length : large.Length);
            Assert.Equal(counted, queue.QueuedBytes);
            stream.Open();
            await queue.DrainAsync().WithinGuardAsync();

            byte[] expected = takesDeflated
                ? [.. small.Bytes.Span, .. large.Deflated.Span, .. small.Bytes.Span, .. large.Deflated.Span]
                : [.. small.Bytes.Span, .. large.Bytes.Span, .. small.Bytes.Span];
            Assert.Equal(expected, stream.Writes.SelectMany(write => write));
            Assert.Equal((0, 1, 1), (queue.QueuedBytes, large.References, small.References));

            bool Send(SharedFrame frame)
            {
                var queued = queue.TryEnqueue(frame);
                queue.Start();
                return queued;
            }
        }
    }

    [Fact]
    public async Task Enqueue_FullAndPolicyClose_RefusesCountsAndAsksToClose()
    {
        var queue = NewQueue(bytes: 1_024);
        _stream.Shut();
        Send(queue, new string('x', 1_000));
        Send(queue, "ten bytes!");

        Assert.False(Send(queue, "one too many"));
        Assert.False(Send(queue, "x"));

        Assert.Equal((1, 2), (_owner.Full, _owner.Dropped)); // the new one, and the one that waited
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();
        Assert.Equal([new string('x', 1_000)], _stream.Texts());
    }

    [Fact]
    public async Task Enqueue_FullAndPolicyDropNewest_KeepsWhatWaits()
    {
        var queue = NewQueue(frames: 2, policy: SlowConsumerPolicy.DropNewest);
        _stream.Shut();
        foreach (var text in new[] { "writing", "a", "b", "c", "d" })
        {
            Send(queue, text);
        }

        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["writing", "a", "b"], _stream.Texts());
        Assert.Equal((0, 2), (_owner.Full, _owner.Dropped));
    }

    [Fact]
    public async Task Enqueue_FullAndPolicyDropOldest_KeepsTheNewest()
    {
        var queue = NewQueue(frames: 2, policy: SlowConsumerPolicy.DropOldest);
        _stream.Shut();
        foreach (var text in new[] { "writing", "a", "b", "c", "d" })
        {
            Send(queue, text);
        }

        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["writing", "c", "d"], _stream.Texts());
        Assert.Equal((0, 2), (_owner.Full, _owner.Dropped));
    }

    [Fact]
    public async Task Enqueue_ProcessHoldsTooMuch_RefusesThoseWhoseQueueIsLongAlready()
    {
        const int limit = 1_048_576;
        var slow = NewQueue(total: limit);
        var stream = new GatedStream();
        var keepsUp = new OutboundQueue(Output(stream), new(), _owner, maxQueuedBytes: limit);
        _stream.Shut();
        Send(slow, new string('x', OutboundQueue.AlwaysAllowedBytes - 100));
        using (Frame(new string('y', limit))) // waits elsewhere
        {
            Assert.True(Send(keepsUp, new string('z', 2 * OutboundQueue.AlwaysAllowedBytes)));
            Assert.True(Send(slow, "few bytes"));
            Assert.False(Send(slow, new string('x', 200)));
        }

        Assert.Equal(1, _owner.Full);
        _stream.Open();
        await slow.DrainAsync().WithinGuardAsync();
        Assert.Equal(0, keepsUp.QueuedBytes);
    }

    [Fact]
    public void Enqueue_LargerThanTheLimitAlone_IsNotRefusedByAnIdleQueue()
    {
        var queue = NewQueue(bytes: 1_024);

        Assert.True(Send(queue, new string('x', 5_000)));
        Assert.True(Send(queue, "next"));
    }

    [Fact]
    public async Task Complete_PartOfALargeFrameWritten_WritesTheRestBeforeAnythingElse()
    {
        var queue = NewQueue(bytes: 1_024);
        var large = new string('x', 3 * OutboundQueue.JoinBytes);
        _stream.Shut();
        Send(queue, large);
        var ping = queue.WriteAsync(new byte[] { 0x89, 0 });
        Assert.False(Send(queue, "one too many"));
        var close = queue.WriteAsync(new byte[] { 0x88, 2, 0x03, 0xF0 });
        Assert.InRange(Assert.Single(_stream.Writes).Length, 1, OutboundQueue.JoinBytes);

        _stream.Open();
        await Task.WhenAll(ping, close, queue.DrainAsync()).WithinGuardAsync();

        Assert.Equal([large, "ping", "close"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task PlatformWrite_PingOvertakesAndCloseStaysBehind()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "writing");
        Send(queue, "waiting");
        var ping = queue.WriteAsync(new byte[] { 0x89, 0 });
        var close = queue.WriteAsync(new byte[] { 0x88, 2, 0x03, 0xE8 });
        Assert.False(Send(queue, "after the close"));

        _stream.Open();
        await Task.WhenAll(ping, close, queue.DrainAsync()).WithinGuardAsync();

        Assert.Equal(["writing", "ping", "waiting", "close"], _stream.Texts());
        Assert.Equal(WebSocketCloseStatus.NormalClosure, queue.PlatformCloseStatus);
    }

    [Fact]
    public async Task Ping_AfterCloseFrameOrEnd_IsNotWritten()
    {
        var queue = NewQueue();
        queue.Ping();
        await queue.WriteAsync(new byte[] { 0x88, 2, 0x03, 0xE8 }).WithinGuardAsync();
        queue.Ping();
        await queue.DisposeAsync().WithinGuardAsync();
        queue.Ping();

        Assert.Equal(["ping", "close"], _stream.Texts());
    }

    [Fact]
    public async Task Ping_LastOneStillWaits_IsNotQueuedAgain()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "writing");
        for (var i = 0; i < 1_000; i++)
        {
            queue.Ping(); // to a client that sends now and then, but does not read
        }

        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();
        queue.Ping();

        Assert.Equal(["writing", "ping", "ping"], _stream.Texts());
    }

    [Fact]
    public async Task Write_Fails_TellsTheOwnerOnceFailsThePlatformAndReleasesAll()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "a");
        Send(queue, "b");
        var ping = queue.WriteAsync(new byte[] { 0x89, 0 });

        _stream.Fail(new IOException("reset"));

        await Assert.ThrowsAsync<IOException>(() => ping.WithinGuardAsync());
        await queue.DisposeAsync().WithinGuardAsync();
        Assert.Equal("reset", Assert.Single(_owner.Failures).Message);
        Assert.False(Send(queue, "c"));
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Frames_AfterEveryEnding_AreAllReleased()
    {
        var frames = new List<SharedFrame>();
        foreach (var fail in new[] { true, false })
        {
            var stream = new GatedStream();
            var queue = new OutboundQueue(Output(stream), new(), _owner);
            stream.Shut();
            for (var i = 0; i < 10; i++)
            {
                var frame = Frame($"{i}");
                queue.TryEnqueue(frame);
                queue.Start();
                frames.Add(frame);
            }

            var disposal = queue.DisposeAsync();
            if (fail)
            {
                stream.Fail(new IOException("reset"));
            }
            else
            {
                stream.Open();
            }

            await disposal.WithinGuardAsync();
        }

        Assert.All(frames, frame => Assert.Equal(1, frame.References)); // ours
        frames.ForEach(frame => frame.Release());
    }

    [Fact]
    public async Task Enqueue_FromManyThreads_LosesNothingAndKeepsEachOnesOrder()
    {
        var queue = NewQueue(bytes: 1 << 30, frames: 1 << 20);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(thread => Task.Run(() =>
        {
            for (var i = 0; i < 5_000; i++)
            {
                Assert.True(Send(queue, $"{thread}:{i}"));
            }
        }))).WithinGuardAsync();
        await queue.DrainAsync().WithinGuardAsync();

        var texts = _stream.Texts();
        Assert.Equal(40_000, texts.Count);
        Assert.All(texts.GroupBy(text => text[0]), group => Assert.Equal(Enumerable.Range(0, 5_000).Select(i => $"{group.Key}:{i}"), group));
        Assert.Equal(0, queue.QueuedBytes);
    }

    private static SharedFrame Frame(string text) => SharedFrame.Encode(WebSocketMessage.Text(text));

    private static bool Send(OutboundQueue queue, string text)
    {
        using var frame = Frame(text);
        var queued = queue.TryEnqueue(frame);
        queue.Start();
        return queued;
    }

    private static PipeWriter Output(Stream stream) => PipeWriter.Create(stream, new(minimumBufferSize: OutboundQueue.JoinBytes));

    private OutboundQueue NewQueue(int bytes = 1 << 20, int frames = 16_384, SlowConsumerPolicy policy = SlowConsumerPolicy.Close, long total = int.MaxValue) => new(
        Output(_stream), new() { OutboundQueueBytes = bytes, OutboundQueueFrames = frames, SlowConsumerPolicy = policy }, _owner, maxQueuedBytes: total);
}
