using System.IO.Pipelines;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

public sealed class LocalDeliveryTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(100)] // so many that passes over them are joined
    public async Task Send_SocketOfAnotherNodeBlocksTheThreadThatWrites_HoldsUpNeitherTheSenderNorItsLock(int blocked)
    {
        await using var here = await AppNode.StartAsync(_cluster);
        await using var there = await AppNode.StartAsync(_cluster);
        await using var near = await here.ConnectAsync("ann");
        await using var far = await there.ConnectAsync("ben");
        using var gate = new ManualResetEventSlim();
        var streams = new BlockingStream[blocked];
        var connections = new Connection[blocked];
        for (var i = 0; i < blocked; i++)
        {
            streams[i] = new(gate);
            connections[i] = Connect(there, streams[i]);
            there.Hub.Add(connections[i]);
            there.Hub.AddToGroup(connections[i], "stuck", int.MaxValue);
        }

        await here.Router.AddToGroupAsync(far.Id, "stuck", Cancellation); // for the channel
        await SendAsync(WebSocketTarget.Group("stuck"), "first");
        await Eventually.TrueAsync(() => streams[0].Waits, "a write to the socket blocks");

        foreach (var target in new[]
        {
            WebSocketTarget.All, WebSocketTarget.Group("stuck"), WebSocketTarget.Groups(["stuck", "empty"]),
            WebSocketTarget.Connections([connections[0].Id, near.Id, far.Id]), WebSocketTarget.Connection(connections[0].Id),
        })
        {
            await SendAsync(target, "next");
        }

        Assert.Equal("next", await near.ReceiveTextAsync()); // all, and the connections
        Assert.Equal("next", await near.ReceiveTextAsync());
        gate.Set();
        foreach (var text in new[] { "first", "next", "next", "next", "next" })
        {
            Assert.Equal(text, await far.ReceiveTextAsync());
        }

        await Eventually.TrueAsync(() => connections.All(static connection => connection.Queue.QueuedBytes == 0), "everything is written");
        Assert.Equal(7 + (5 * 6), streams[0].Length); // each with a header of two bytes, in order
        Assert.Equal("first", System.Text.Encoding.UTF8.GetString(streams[0].ToArray().AsSpan(2, 5)));
        foreach (var connection in connections)
        {
            there.Hub.Remove(connection);
        }

        // On a thread of its own, so that a send that is held up fails the test instead of hanging it.
        Task SendAsync(WebSocketTarget target, string text) => Task.Run(
            async () => await here.Router.SendAsync(target, WebSocketMessage.Text(text), Cancellation), Cancellation).WithinGuardAsync();
    }

    [Fact]
    public async Task Enqueue_SameNamesOverAndOver_QueuesOneFrameAtEach()
    {
        await using var node = await AppNode.StartAsync();
        var delivery = node.Services.GetRequiredService<LocalDelivery>();
        var members = new Connection[40];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = Connect(node, new MemoryStream());
            node.Hub.Add(members[i]);
            node.Hub.AddToGroup(members[i], i % 2 == 0 ? "even" : "odd", int.MaxValue);
            node.Hub.AddToGroup(members[i], "every", int.MaxValue);
        }

        string[] ids = [.. members.Select(static member => member.Id)];
        using (var frame = SharedFrame.Encode(WebSocketMessage.Text("x")))
        {
            Assert.Equal(40, Deliver(WebSocketTargetKind.All, [], [], frame));
            Assert.Equal(40, Deliver(WebSocketTargetKind.Groups, ["even", "every", "odd", "nobody", "every"], [], frame));
            Assert.Equal(20, Deliver(WebSocketTargetKind.Groups, ["even", "even"], [], frame));
            Assert.Equal(40, Deliver(WebSocketTargetKind.Connections, [.. ids, .. ids, "node.gone"], [], frame));
            Assert.Equal(1, Deliver(WebSocketTargetKind.Connections, [ids[3]], [], frame));
            Assert.Equal(0, Deliver(WebSocketTargetKind.Connections, ["node.gone"], [], frame));
            Assert.Equal(0, Deliver(WebSocketTargetKind.Users, ["nobody"], [], frame));
            foreach (var excluded in new[] { 1, 16, 17, 39 })
            {
                Assert.Equal(40 - excluded, Deliver(WebSocketTargetKind.All, [], ids[..excluded], frame));
                Assert.Equal(40 - excluded, Deliver(WebSocketTargetKind.Groups, ["even", "every"], [.. ids[..excluded], .. ids[..excluded], "node.gone"], frame));
                Assert.Equal(40 - excluded, Deliver(WebSocketTargetKind.Connections, ids, ids[..excluded], frame));
            }

            Assert.Equal(1, frame.References); // this scope's own
        }

        foreach (var member in members)
        {
            node.Hub.Remove(member);
        }

        int Deliver(WebSocketTargetKind kind, string[] names, string[] excluded, SharedFrame frame)
        {
            var queued = delivery.Enqueue(node.Hub, kind, new(names), new(excluded), frame);
            delivery.Start(queued);
            return queued.Count;
        }
    }

    [Fact]
    public async Task Enqueue_ToSeveralGroups_AllocatesNothingPerRecipient()
    {
        await using var node = await AppNode.StartAsync();
        var delivery = node.Services.GetRequiredService<LocalDelivery>();
        var members = new Connection[1_000];
        for (var i = 0; i < members.Length; i++)
        {
            members[i] = Connect(node, new FixedWriter());
            node.Hub.Add(members[i]);
            node.Hub.AddToGroup(members[i], $"g{i / 20}", int.MaxValue);
        }

        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        string[] groups = [.. Enumerable.Range(0, 50).Select(static i => $"g{i}")];
        string[] ids = [.. members.Select(static member => member.Id)];
        Deliver(); // the first time makes queues and pools grow
        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 10; i++)
        {
            Deliver();
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 4_000); // for all of 20,000 deliveries
        foreach (var member in members)
        {
            node.Hub.Remove(member);
        }

        void Deliver()
        {
            delivery.Start(delivery.Enqueue(node.Hub, WebSocketTargetKind.Groups, new(groups), default, frame));
            delivery.Start(delivery.Enqueue(node.Hub, WebSocketTargetKind.Connections, new(ids), default, frame));
        }
    }

    private static Connection Connect(AppNode node, Stream stream) => Connect(node, PipeWriter.Create(stream));

    private static Connection Connect(AppNode node, PipeWriter output) => new(
        new DefaultHttpContext(),
        WebSocket.CreateFromStream(new MemoryStream(), new()),
        new TapStream(Stream.Null, output, TimeProvider.System),
        node.Hub.Name,
        null,
        node.Services.GetRequiredService<ConnectionServices>());

    /// <summary>Takes all at once into memory of its own: the arrays of the shared pool, of which .NET's writers take theirs, any GC may let go.</summary>
    private sealed class FixedWriter : PipeWriter
    {
        private readonly byte[] _buffer = new byte[64];

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

    /// <summary>Blocks the thread that writes.</summary>
    private sealed class BlockingStream(ManualResetEventSlim gate) : MemoryStream
    {
        internal volatile bool Waits;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Waits = true;
            gate.Wait(Eventually.Guard, CancellationToken.None);
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }
    }
}
