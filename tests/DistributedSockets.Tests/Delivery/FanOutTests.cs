using System.IO.Pipelines;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class FanOutTests
{
    [Theory]
    [InlineData(10, false, false)]
    [InlineData(1_000, false, false)]
    [InlineData(1_000, true, false)]
    [InlineData(1_000, false, true)]
    public async Task FanOut_IdleConnections_AllocatesNothingPerRecipient(int recipients, bool deflated, bool withTerms)
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var members = new Connection[recipients];
        for (var i = 0; i < members.Length; i++)
        {
            var tap = new TapStream(Stream.Null, PipeWriter.Create(Stream.Null), TimeProvider.System);
            members[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), tap, "h", null, services, takesDeflated: deflated);
        }

        using var frame = SharedFrame.Encode(
            WebSocketMessage.Binary(new byte[128]),
            deflated ? new FrameDeflater(new() { EnableCompression = true, CompressionThresholdBytes = 1 }) : null,
            terms: withTerms ? DeliveryTerms.Of(new() { TimeToLive = TimeSpan.FromMinutes(1), ConflationKey = "key" }, TimeProvider.System) : null);
        Assert.Equal(deflated, frame.LengthFor(deflate: true) < frame.Length);
        var writer = new FanOutWriter();
        var list = ListOf(members);
        Send(); // the first time makes queues grow
        var before = GC.GetAllocatedBytesForCurrentThread();
        var sent = 0;
        for (var i = 0; i < 10; i++)
        {
            sent += Send();
        }

        var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
        Assert.Equal(10 * recipients, sent);
        Assert.InRange(allocated, 0, recipients < 1_000 ? 1_000 : 4_000); // what handing a pass to the pool may cost now and then, for all of 10,000 deliveries

        int Send()
        {
            var queued = FanOut.Enqueue(list, frame, []);
            writer.Start(list);
            foreach (var member in members)
            {
                var wait = new SpinWait();
                while (member.Queue.QueuedBytes > 0)
                {
                    wait.SpinOnce(); // the test ends by its runner's limit if this never comes true
                }
            }

            return queued;
        }
    }

    [Fact]
    public async Task Write_ListenerThrowsAtOneOfThem_AllAreWrittenAndNoneIsCut()
    {
        await using var node = await AppNode.StartAsync(options: static options =>
        {
            options.OutboundQueueFrames = 1;
            options.SlowConsumerPolicy = SlowConsumerPolicy.DropNewest;
        });
        using var listener = new ThrowingListener(node, "distributed_sockets.dropped_frames");
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var streams = new[] { new CountingStream(null), new CountingStream(null) };
        var members = Array.ConvertAll(streams, stream => new Connection(
            new DefaultHttpContext(),
            WebSocket.CreateFromStream(new MemoryStream(), new()),
            new TapStream(Stream.Null, PipeWriter.Create(stream), TimeProvider.System),
            "h",
            null,
            services));
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        members[0].Queue.TryEnqueue(frame);
        Assert.False(members[0].Queue.TryEnqueue(frame)); // its queue is full, which is counted when it is written
        members[1].Queue.TryEnqueue(frame);

        FanOutWriter.Write(ListOf(members));

        Assert.All(streams, static stream => Assert.Equal(1, stream.Writes));
        Assert.All(members, static member => Assert.Null(member.Reason));
    }

    [Fact]
    public async Task Start_DuringAPass_IsWrittenJoinedByTheNextOne()
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var gate = new ManualResetEventSlim();
        var members = new Connection[100];
        var streams = new CountingStream[members.Length];
        for (var i = 0; i < members.Length; i++)
        {
            streams[i] = new(i == 0 ? gate : null);
            var tap = new TapStream(Stream.Null, PipeWriter.Create(streams[i]), TimeProvider.System);
            members[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), tap, "h", null, services);
        }

        var writer = new FanOutWriter();
        var list = ListOf(members);
        for (var i = 0; i < 10; i++)
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text($"{i}"));
            FanOut.Enqueue(list, frame, []);
            writer.Start(list);
        }

        gate.Set();
        await Eventually.TrueAsync(() => members.All(static member => member.Queue.QueuedBytes == 0), "everything is written");

        Assert.All(streams, static stream => Assert.Equal(10 * 3, stream.Length)); // a header of two bytes and a digit
        Assert.All(streams[1..], static stream => Assert.Equal(1, stream.Writes));
    }

    [Fact]
    public async Task Start_MembersComeAndGoWhileAPassWaits_AllThatIsQueuedIsWritten()
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var gate = new ManualResetEventSlim();
        var streams = new CountingStream[101];
        var members = new Connection[streams.Length];
        for (var i = 0; i < members.Length; i++)
        {
            streams[i] = new(i == 0 ? gate : null);
            var tap = new TapStream(Stream.Null, PipeWriter.Create(streams[i]), TimeProvider.System);
            members[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), tap, "h", null, services);
        }

        var set = new MemberSet("everyone");
        var memberships = Array.ConvertAll(members[..100], member => set.Add(member)!);

        var writer = new FanOutWriter();
        Assert.Equal(100, Send());
        await Eventually.TrueAsync(() => streams[0].Waits, "a pass is in progress");
        Assert.Equal(100, Send());
        set.Remove(memberships[50], ended: false);
        set.Add(members[100]);
        Assert.Equal(100, Send());
        gate.Set();
        await Eventually.TrueAsync(() => members.All(static member => member.Queue.QueuedBytes == 0), "everything is written");

        Assert.Equal(2 * 3, streams[50].Length);
        Assert.Equal(3, streams[100].Length);
        Assert.Equal(3 * 3, streams[99].Length);

        int Send()
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
            var sent = FanOut.Enqueue(set.Members, frame, []);
            writer.Start(set.Members);
            return sent;
        }
    }

    [Fact]
    public async Task Start_AsManyPassesWaitAsMay_IsWrittenByTheCaller()
    {
        await using var node = await AppNode.StartAsync();
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var gate = new ManualResetEventSlim();
        var stuck = Members(gate);
        var members = Members(null);
        var writer = new FanOutWriter();
        Send(ListOf(stuck.Connections));
        await Eventually.TrueAsync(() => stuck.Streams[0].Waits, "a pass is in progress");

        for (var i = 0; i < FanOutWriter.MaxWaiting; i++)
        {
            Send(ListOf(members.Connections)); // as of so many groups
        }

        Assert.All(members.Streams, static stream => Assert.Equal(0, stream.Writes));
        Send(ListOf(members.Connections));

        Assert.All(members.Streams, static stream => Assert.Equal(1, stream.Writes));
        gate.Set();
        await Eventually.TrueAsync(() => stuck.Connections.All(static member => member.Queue.QueuedBytes == 0), "everything is written");
        Assert.All(members.Streams, static stream => Assert.Equal((FanOutWriter.MaxWaiting + 1) * 3, stream.Length));

        (Connection[] Connections, CountingStream[] Streams) Members(ManualResetEventSlim? gate)
        {
            var streams = Enumerable.Range(0, 64).Select(i => new CountingStream(i == 0 ? gate : null)).ToArray();
            return (Array.ConvertAll(streams, stream => new Connection(
                new DefaultHttpContext(),
                WebSocket.CreateFromStream(new MemoryStream(), new()),
                new TapStream(Stream.Null, PipeWriter.Create(stream), TimeProvider.System),
                "h",
                null,
                services)), streams);
        }

        void Send(MemberList connections)
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
            FanOut.Enqueue(connections, frame, []);
            writer.Start(connections);
        }
    }

    private static MemberList ListOf(Connection[] members)
    {
        var set = new MemberSet("everyone");
        foreach (var member in members)
        {
            set.Add(member);
        }

        return set.Members;
    }

    /// <summary>Counts what is written; the first write waits for a gate, on the thread that writes.</summary>
    private sealed class CountingStream(ManualResetEventSlim? gate) : MemoryStream
    {
        internal int Writes;

        internal volatile bool Waits;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Waits = gate is not null;
            gate?.Wait(TimeSpan.FromSeconds(60), CancellationToken.None);
            Interlocked.Increment(ref Writes);
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }
    }
}
