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
    [InlineData(5_000, false, false)]
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
            terms: withTerms ? DeliveryTerms.Of(new() { TimeToLive = TimeSpan.FromMinutes(1), ConflationKey = "key" }, null, TimeProvider.System) : null);
        Assert.Equal(deflated, frame.LengthFor(deflate: true) < frame.Length);
        var writer = new FanOutWriter(maxThreads: 2);
        var list = ListOf(members);
        Send(); // the first time makes queues grow
        var (sent, least) = (0, long.MaxValue);
        for (var i = 0; i < 10; i++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            sent += Send();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before); // a collection in between adds to it, as does a queue of the pool that grows
        }

        Assert.Equal(10 * recipients, sent);
        Assert.InRange(least, 0, 200);

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
        var members = new FanOutMembers(node, 2);
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        members.Connections[0].Queue.TryEnqueue(frame);
        Assert.False(members.Connections[0].Queue.TryEnqueue(frame)); // its queue is full, which is counted when it is written
        members.Connections[1].Queue.TryEnqueue(frame);

        FanOutWriter.Write(members.List);

        Assert.All(members.Streams, static stream => Assert.Equal(1, stream.Writes));
        Assert.All(members.Connections, static member => Assert.Null(member.Reason));
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
}
