using System.IO.Pipelines;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>The outbound queue of a session that can be resumed, with its numbers.</summary>
public sealed class NumberedQueueTests
{
    private readonly GatedStream _stream = new();
    private readonly QueueOwner _owner = new();
    private readonly FakeTimeProvider _time = new();
    private SessionNumbers _numbers = new(0, 0, 1_000, 1 << 24);

    [Fact]
    public async Task Write_LoggedAndOthers_OnlyLoggedOnesAreNumberedInOrder()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "first", 10);
        Send(queue, "not logged", 0);
        Send(queue, "second", 12);
        SendOfProtocol(queue, "s id token 0\n");
        Send(queue, "third", 17);

        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["m 1\nfirst", "u\nnot logged", "m 2\nsecond", "s id token 0\n", "m 3\nthird"], _stream.Texts());
        Assert.Equal((3, 17), _numbers.Last);
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Queue_IsNew_TakesNothingLiveAndHasNotWrittenWhatIsStillToBeRead()
    {
        var queue = new OutboundQueue(PipeWriter.Create(_stream), new(), _owner, prefix: _numbers);

        Assert.False(queue.HasWrittenAll); // or the session's position would pass over what has not been read for it
        Assert.False(Send(queue, "live", 10));

        queue.CatchUp(10);
        Assert.True(queue.HasWrittenAll);
        Assert.True(Send(queue, "next", 11));
        await queue.DrainAsync().WithinGuardAsync();
        Assert.Equal(["m 1\nnext"], _stream.Texts());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Queue_TakesNoMore_HasNotWrittenWhatComes(bool hasFailed)
    {
        var queue = NewQueue();
        if (hasFailed)
        {
            _stream.Break(new IOException("The client has gone."));
            Send(queue, "lost", 11);
            await queue.DrainAsync().WithinGuardAsync();
        }
        else
        {
            queue.Complete();
            Assert.False(Send(queue, "dropped", 11));
        }

        Assert.Equal(0, queue.QueuedBytes);
        Assert.False(queue.HasWrittenAll); // or the session's position would pass over what its client has not got
    }

    [Theory]
    [InlineData(0)]
    [InlineData(119)]
    [InlineData(122)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(OutboundQueue.JoinBytes - 4)]
    [InlineData(65_530)]
    [InlineData(65_532)]
    [InlineData(200_000)]
    public async Task Write_AnySize_HasAHeaderOfItsOwnAndTheSharedBytes(int bytes)
    {
        var queue = NewQueue();
        var text = new string('x', bytes);
        Send(queue, text, 1);
        Send(queue, "next", 2);
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal([$"m 1\n{text}", "m 2\nnext"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Theory]
    [InlineData(300)]
    [InlineData(70_000)]
    public async Task Write_Compressed_IsWhatTheClientInflates(int bytes)
    {
        var queue = NewQueue(takesDeflated: true);
        var deflater = new FrameDeflater(new() { EnableCompression = true });
        var text = string.Concat(Enumerable.Range(0, bytes / 10).Select(static i => $"text {i % 97:00000}"));
        for (var i = 1; i <= 3; i++)
        {
            using var plain = SharedFrame.Encode(WebSocketMessage.Text(text), deflater);
            using var frame = Logged(plain, i);
            Assert.False(frame.Deflated.IsEmpty);
            Assert.True(queue.TryEnqueue(frame));
            queue.Start();
            await queue.DrainAsync().WithinGuardAsync();
        }

        using var client = WebSocket.CreateFromStream(
            new MemoryStream([.. _stream.Writes.SelectMany(static write => write)]),
            new WebSocketCreationOptions { IsServer = false, KeepAliveInterval = TimeSpan.Zero, DangerousDeflateOptions = new() { ServerContextTakeover = false } });
        for (var i = 1; i <= 3; i++)
        {
            Assert.Equal($"m {i}\n{text}", await ReceiveAsync(client));
        }
    }

    [Fact]
    public async Task Write_AsManyUnacknowledgedAsMayBe_WaitsForAcknowledgements()
    {
        _numbers = new(0, 0, maxMessages: 3, 1 << 20);
        var queue = NewQueue();
        for (var i = 1; i <= 5; i++)
        {
            Send(queue, $"{i}", i);
        }

        Assert.Equal(["m 1\n1", "m 2\n2", "m 3\n3"], _stream.Texts());
        Assert.True(_numbers.TryAcknowledge(1));
        queue.Wake();
        Assert.Equal("m 4\n4", _stream.Texts()[^1]);
        Assert.True(_numbers.TryAcknowledge(4));
        queue.Wake();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal("m 5\n5", _stream.Texts()[^1]);
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public void Write_BytesUnacknowledged_AreBoundedButOneIsAlwaysSent()
    {
        _numbers = new(0, 0, 1_000, maxBytes: 50);
        var queue = NewQueue();
        Send(queue, new string('x', 100), 1);
        Send(queue, "y", 2);

        Assert.Single(_stream.Texts());
        Assert.True(_numbers.TryAcknowledge(1));
        queue.Wake();
        Assert.Equal(["m 2\ny"], _stream.Texts().Skip(1));
    }

    [Fact]
    public void Write_Expired_UsesUpItsNumberAndIsNotSent()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "writing", 1);
        Send(queue, "too late", 2, TimeSpan.FromSeconds(1));
        Send(queue, "last", 3);
        _time.Advance(TimeSpan.FromSeconds(2));
        _stream.Open();

        SpinWait.SpinUntil(() => _stream.Texts().Count == 2 && _owner.Expired > 0, Eventually.Guard); // it is reported by another thread
        Assert.Equal(["m 1\nwriting", "m 3\nlast"], _stream.Texts());
        Assert.Equal(1, _owner.Expired);
        Assert.True(_numbers.TryAcknowledge(1));
        Assert.Equal((2, 2), _numbers.Acknowledged);
    }

    [Fact]
    public void Write_ExpiredWhileNothingMoreMayBeUnderWay_WaitForTheirTurn()
    {
        _numbers = new(0, 0, maxMessages: 2, 1 << 20);
        var queue = NewQueue();
        Send(queue, "sent", 1);
        Send(queue, "sent", 2);
        for (var i = 3; i <= 100; i++)
        {
            Send(queue, "too late", i, TimeSpan.FromSeconds(1));
        }

        _time.Advance(TimeSpan.FromSeconds(2));
        queue.Wake();
        Assert.Equal(2, _numbers.Count); // of the ring, which is bounded also for a client that acknowledges nothing

        Assert.True(_numbers.TryAcknowledge(2));
        queue.Wake();
        Assert.Equal((100, 100), _numbers.Acknowledged);
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public async Task Queue_ToldAgainToFallBehind_KeepsWhatHasBeenReadForIt()
    {
        var queue = NewQueue();
        _stream.Shut();
        Send(queue, "writing", 1);
        queue.FallBehind();
        using var read = Logged("read", 2);
        Assert.True(queue.TryEnqueueWithRoom(read, out _));

        queue.FallBehind();
        queue.Start();
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["m 1\nwriting", "m 2\nread"], _stream.Texts());
    }

    [Fact]
    public void Live_WhatHasBeenReadBefore_IsNotTakenAgain()
    {
        var queue = NewQueue();
        queue.FallBehind();
        queue.CatchUp(readTo: 7);

        Assert.False(Send(queue, "read before", 7));
        Assert.True(Send(queue, "next", 8));

        Assert.Equal(["m 1\nnext"], _stream.Texts());
    }

    [Fact]
    public async Task Queue_FullOfLogged_FallsBehindForgetsThemAndClosesNobody()
    {
        var queue = NewQueue(frames: 3);
        _stream.Shut();
        Send(queue, "writing", 1);
        Send(queue, "a", 2);
        Send(queue, "not logged", 0);
        Send(queue, "b", 3);
        Assert.False(queue.IsBehind);

        Assert.False(Send(queue, "c", 4));
        Assert.True(queue.IsBehind);
        Assert.False(Send(queue, "d", 5)); // comes by reading, as there is room again
        Assert.True(Send(queue, "not logged either", 0));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["m 1\nwriting", "u\nnot logged", "u\nnot logged either"], _stream.Texts());
        Assert.Equal((1, 1), _numbers.Last);
        Assert.Equal(0, _owner.Full);

        foreach (var (text, offset) in ((string, long)[])[("a", 2), ("b", 3), ("c", 4), ("d", 5)])
        {
            using var frame = Logged(text, offset);
            Assert.True(queue.TryEnqueueWithRoom(frame, out _));
            queue.Start();
        }

        queue.CatchUp(readTo: 5);
        Assert.True(Send(queue, "e", 6));
        await queue.DrainAsync().WithinGuardAsync();
        Assert.Equal(["m 2\na", "m 3\nb", "m 4\nc", "m 5\nd", "m 6\ne"], _stream.Texts().Skip(3));
    }

    [Fact]
    public async Task Queue_FullOfOthers_DropsThemAndClosesNobody()
    {
        var queue = NewQueue(frames: 1);
        _stream.Shut();
        Send(queue, "writing", 0);
        Send(queue, "waits", 0);
        Assert.False(Send(queue, "dropped", 0));
        _stream.Open();
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(["u\nwriting", "u\nwaits"], _stream.Texts());
        Assert.Equal((0, 1), (_owner.Full, _owner.Dropped));
    }

    [Fact]
    public void Queue_FullWhenTheSubprotocolHasToSaySomething_ClosesTheConnection()
    {
        var queue = NewQueue(frames: 1);
        _stream.Shut();
        Send(queue, "writing", 0);
        Send(queue, "waits", 0);
        using var answer = SharedFrame.Encode(WebSocketMessage.Text("a 1\n"), isOfProtocol: true);

        Assert.False(queue.TryEnqueue(answer));
        queue.Start();

        Assert.Equal(1, _owner.Full);
        _stream.Open();
    }

    [Fact]
    public async Task Close_WhileTheClientAcknowledgesNothing_GoesOutWithoutWhatWaits()
    {
        _numbers = new(0, 0, maxMessages: 1, 1 << 20);
        var queue = NewQueue();
        Send(queue, "sent", 1);
        Send(queue, "held back", 2);

        await queue.WriteAsync(new byte[] { 0x88, 0x00 }).WithinGuardAsync();

        Assert.Equal(["m 1\nsent", "close"], _stream.Texts());
        Assert.Equal(0, queue.QueuedBytes);
    }

    [Fact]
    public void Write_NumberedToManySessions_AllocatesNothingForEach()
    {
        const int sessions = 100;
        const int rounds = 20;
        var queues = new OutboundQueue[sessions];
        for (var i = 0; i < sessions; i++)
        {
            _numbers = new(0, 0, 1_000, 1 << 24);
            queues[i] = new OutboundQueue(new NullPipe(), new(), _owner, prefix: _numbers);
            queues[i].CatchUp(0);
        }

        void Broadcast(int from, int to)
        {
            for (var offset = from; offset < to; offset++)
            {
                using var frame = Logged("hello", offset);
                foreach (var queue in queues)
                {
                    queue.TryEnqueue(frame);
                    queue.Start();
                }
            }
        }

        Broadcast(1, 200); // rings have grown by then to what the measured messages need
        var before = GC.GetAllocatedBytesForCurrentThread();
        Broadcast(200, 200 + rounds);
        var perDelivery = (GC.GetAllocatedBytesForCurrentThread() - before) / (double)(sessions * rounds);

        Assert.True(perDelivery < 5, $"A delivery allocated {perDelivery} bytes."); // the frame itself is shared by a hundred
    }

    private static async Task<string> ReceiveAsync(WebSocket client)
    {
        var (received, buffer) = (new MemoryStream(), new byte[4_096]);
        WebSocketReceiveResult result;
        do
        {
            result = await client.ReceiveAsync(buffer, TestContext.Current.CancellationToken).WithinGuardAsync();
            received.Write(buffer, 0, result.Count);
        }
        while (!result.EndOfMessage);

        return Encoding.UTF8.GetString(received.ToArray());
    }

    private SharedFrame Logged(string text, long offset, TimeSpan? timeToLive = null)
    {
        using var plain = SharedFrame.Encode(WebSocketMessage.Text(text));
        return Logged(plain, offset, timeToLive is null ? null : DeliveryTerms.Of(new() { TimeToLive = timeToLive }, null, _time));
    }

    /// <summary>A frame as it comes out of an entry of the log; without an offset as it comes from a send.</summary>
    private static SharedFrame Logged(SharedFrame plain, long offset, DeliveryTerms? terms = null)
    {
        var bytes = (byte[])[.. plain.Bytes.Span, .. plain.Deflated.Span];
        Assert.True(SharedFrame.TryWrap(bytes, !plain.Deflated.IsEmpty, out var frame, terms, offset));
        return frame;
    }

    private bool Send(OutboundQueue queue, string text, long offset, TimeSpan? timeToLive = null)
    {
        using var frame = Logged(text, offset, timeToLive);
        var isQueued = queue.TryEnqueue(frame);
        queue.Start();
        return isQueued;
    }

    private static void SendOfProtocol(OutboundQueue queue, string text)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text), isOfProtocol: true);
        Assert.True(queue.TryEnqueue(frame));
        queue.Start();
    }

    private OutboundQueue NewQueue(int frames = 16_384, bool takesDeflated = false)
    {
        var queue = new OutboundQueue(
            PipeWriter.Create(_stream, new(minimumBufferSize: OutboundQueue.JoinBytes)), new() { OutboundQueueFrames = frames }, _owner, takesDeflated, prefix: _numbers);
        queue.CatchUp(0);
        return queue;
    }

    /// <summary>Takes everything at once.</summary>
    private sealed class NullPipe : PipeWriter
    {
        private readonly byte[] _buffer = new byte[64 * 1024];

        public override void Advance(int bytes)
        {
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _buffer;

        public override Span<byte> GetSpan(int sizeHint = 0) => _buffer;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
