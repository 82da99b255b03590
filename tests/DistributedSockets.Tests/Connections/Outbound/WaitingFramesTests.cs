using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class WaitingFramesTests
{
    [Fact]
    public void Trim_RingThatHasGrown_IsGivenBackOnceNothingHasComeSince()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        var frames = new WaitingFrames();
        for (var i = 0; i < 1_000; i++)
        {
            frames.Add(frame);
        }

        frames.Trim();
        frames.Trim();
        Assert.Equal(1_024, frames.Capacity); // they wait
        while (frames.Count > 0)
        {
            frames.TakeOldest();
        }

        frames.Add(frame);
        frames.TakeOldest();
        frames.Trim();
        Assert.Equal(1_024, frames.Capacity); // one has come
        frames.Trim();
        Assert.Equal(1, frames.Capacity);
        frames.Add(frame);
        Assert.Same(frame, frames.TakeOldest());
    }

    [Fact]
    public void Add_OneFrameAfterTheOther_AllocatesNothing()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        var frames = new WaitingFrames();
        frames.Add(frame); // compiled
        frames.TakeOldest();

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 3; i++)
        {
            frames.Add(frame);
            Assert.Same(frame, frames.Oldest);
            frames.TakeOldest();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(0, frames.Count);
    }

    [Fact]
    public async Task KeepAlive_ClientThatWasSlowAndIsIdle_HoldsNoRing()
    {
        await using var node = await AppNode.StartAsync();
        var connection = new Connection(
            new DefaultHttpContext(),
            WebSocket.CreateFromStream(Stream.Null, new()),
            new TapStream(Stream.Null, PipeWriter.Create(Stream.Null), TimeProvider.System),
            "h",
            null,
            node.Services.GetRequiredService<ConnectionServices>());
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        for (var i = 0; i < 1_000; i++)
        {
            Assert.True(connection.Queue.TryEnqueue(frame));
        }

        connection.Queue.Start();
        await connection.Queue.DrainAsync();
        Assert.Equal(0, Enqueue());

        connection.KeepAlive(TimeProvider.System.GetTimestamp());
        connection.KeepAlive(TimeProvider.System.GetTimestamp());

        Assert.NotEqual(0, Enqueue());
        await connection.DisposeAsync();

        // What it takes to queue two: nothing as long as there is a ring.
        long Enqueue()
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            connection.Queue.TryEnqueue(frame);
            connection.Queue.TryEnqueue(frame);
            var allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            connection.Queue.Start();
            return allocated;
        }
    }
}
