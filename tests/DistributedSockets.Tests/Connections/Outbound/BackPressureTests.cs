using System.IO.Pipelines;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>A handler that streams to its own client waits for room, and leaves some for others.</summary>
public sealed class BackPressureTests
{
    private static readonly string s_chunk = new('x', 998); // a frame of 1,002 bytes

    private readonly GatedStream _stream = new();
    private readonly QueueOwner _owner = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_ClientDoesNotRead_WaitsWithHalfOfTheQueueFreeAndGoesOnWhenItReads()
    {
        await using var node = await AppNode.StartAsync(options: static options =>
        {
            options.OutboundQueueBytes = 1_000_000;
            options.SlowConsumerPolicy = SlowConsumerPolicy.Close;
        });
        var (sent, done) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        node.Probe.OnMessage = async (connection, _, token) =>
        {
            for (; sent < 200; sent++)
            {
                await connection.SendWhenRoomAsync(WebSocketMessage.Binary(Chunk(sent)), token);
            }

            done.SetResult();
        };
        await using var client = await node.ConnectAsync();
        var queue = Assert.Single(node.Hub.All).Queue;

        await client.SendAsync("stream"); // 20 MB, which neither the queue nor the kernel holds
        await Eventually.TrueAsync(() => queue.QueuedBytes > 400_000, "the queue is half full");
        for (var i = 0; i < 4; i++)
        {
            await node.Router.SendToAllAsync(Chunk(-1), Cancellation); // for which the handler has left room
        }

        var received = new List<int>();
        while (received.Count < 204)
        {
            received.Add(BitConverter.ToInt32((await client.ReceiveAsync()).Data));
        }

        await done.Task.WithinGuardAsync();
        Assert.Equal(Enumerable.Range(0, 200), received.Where(static number => number >= 0));
        Assert.Equal(4, received.Count(static number => number < 0));

        static byte[] Chunk(int number) => [.. BitConverter.GetBytes(number), .. new byte[99_996]];
    }

    [Fact]
    public async Task TryEnqueueWithRoom_HalfFull_TellsWhenThereIsRoomAgain()
    {
        var queue = NewQueue();
        _stream.Shut();
        Assert.True(TrySend(queue, out _)); // being written
        for (var i = 0; i < 9; i++)
        {
            Assert.True(TrySend(queue, out _)); // a tenth of the half, each
        }

        Assert.False(TrySend(queue, out var room));
        Assert.False(room!.IsCompleted); // it has one, as the queue is open
        _stream.Step(); // one is gone, and the rest is being written
        await room.WithinGuardAsync();

        Assert.True(TrySend(queue, out _));
        Assert.False(TrySend(queue, out room));
        _stream.Open();
        await room!.WithinGuardAsync();
        Assert.True(TrySend(queue, out _));
        await queue.DrainAsync().WithinGuardAsync();

        Assert.Equal(12, _stream.Texts().Count);
        Assert.Equal((0, 0), (_owner.Full, _owner.Dropped));
    }

    [Fact]
    public void TryEnqueueWithRoom_LargerThanTheQueue_IsTakenWhenNothingWaits()
    {
        var queue = NewQueue(bytes: 1_024);

        Assert.True(TrySend(queue, out _, new string('x', 5_000)));

        Assert.Single(_stream.Texts());
    }

    [Fact]
    public async Task TryEnqueueWithRoom_ConnectionEndsMeanwhile_WaitEndsAndNothingIsTaken()
    {
        var queue = NewQueue(bytes: 1_024);
        _stream.Shut();
        Assert.True(TrySend(queue, out _));
        Assert.False(TrySend(queue, out var room));

        queue.Complete();
        await room!.WithinGuardAsync();

        Assert.False(TrySend(queue, out room));
        Assert.Null(room);
        _stream.Open();
    }

    [Fact]
    public async Task Send_ConnectionEndsWhileItWaits_HandlerIsToldAndItIsNoFaultOfItsOwn()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.CloseTimeout = TimeSpan.FromMilliseconds(100));
        var ended = new TaskCompletionSource<Exception>(TaskCreationOptions.RunContinuationsAsynchronously);
        node.Probe.OnMessage = async (connection, _, token) =>
        {
            try
            {
                while (true)
                {
                    await connection.SendWhenRoomAsync(WebSocketMessage.Binary(new byte[1_000_000]), token);
                }
            }
            catch (Exception exception)
            {
                ended.SetResult(exception);
                throw;
            }
        };
        await using var client = await node.ConnectAsync();
        var connection = Assert.Single(node.Hub.All);

        await client.SendAsync("stream");
        await Eventually.TrueAsync(() => connection.Queue.QueuedBytes > 1_000_000, "it waits");
        await node.Router.DisconnectAsync(client.Id, cancellationToken: Cancellation);

        Assert.IsAssignableFrom<OperationCanceledException>(await ended.Task.WithinGuardAsync());
        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 102);
    }

    [Fact]
    public async Task Send_Cancelled_ThrowsAndQueuesNothing()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await node.Probe.Connections[client.Id].SendWhenRoomAsync(WebSocketMessage.Text("x"), new(canceled: true)));

        await node.Router.SendToAllAsync("next", Cancellation);
        Assert.Equal("next", await client.ReceiveTextAsync());
    }

    private static bool TrySend(OutboundQueue queue, out Task? room, string? text = null)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text ?? s_chunk));
        var queued = queue.TryEnqueueWithRoom(frame, out room);
        queue.Start();
        return queued;
    }

    private OutboundQueue NewQueue(int bytes = 20_040) => new(
        PipeWriter.Create(_stream, new(minimumBufferSize: OutboundQueue.JoinBytes)), new() { OutboundQueueBytes = bytes }, _owner);
}
