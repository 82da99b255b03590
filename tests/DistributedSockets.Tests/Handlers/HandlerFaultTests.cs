using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Handlers that misbehave: they cost themselves their connection, and nobody else anything.</summary>
public sealed class HandlerFaultTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<Exception> Exceptions =>
    [
        new InvalidOperationException("handler"),
        new OutOfMemoryException("handler"),
        new OperationCanceledException("handler"), // its own token's, not the connection's
        new WebSocketException("handler"), // as if the transport had failed
        new AggregateException("handler"),
    ];

    [Theory]
    [MemberData(nameof(Exceptions), DisableDiscoveryEnumeration = true)]
    public async Task Handler_Throws_ClosesWith1011IsCountedAndOthersAreServed(Exception exception)
    {
        await using var node = await AppNode.StartAsync();
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var victim = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();
        node.Probe.OnMessage = (connection, message, token) => message.GetText() == "boom" ? throw exception : connection.SendAsync(message, token);

        await victim.SendAsync("boom");

        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await victim.ReceiveCloseAsync()).Status);
        var reason = await node.Probe.Disconnected(victim.Id).Task.WithinGuardAsync();
        Assert.Equal((DisconnectKind.HandlerError, exception), (reason.Kind, reason.Exception));
        Assert.Equal(1, errors.Value);
        await IsServedAsync(other);
    }

    [Fact]
    public async Task Handler_ThrowsInItsConstructor_ClosesWith1011IsCountedAndOthersAreServed()
    {
        await using var node = await AppNode.StartAsync(map: app => app.MapDistributedWebSocket<UnmakeableHandler>("/unmakeable"));
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var other = await node.ConnectAsync();

        for (var i = 0; i < 3; i++)
        {
            await using var client = await TestClient.ConnectAsync(node.Address, "/unmakeable", readId: false);
            var (status, reason) = await client.ReceiveCloseAsync();
            Assert.Equal(WebSocketCloseStatus.InternalServerError, status);
            Assert.DoesNotContain("secret", reason);
        }

        Assert.Equal(3, errors.Value);
        Assert.Equal(3, node.Logs.GetSnapshot().Count(record => record.Id.Id == 102 && record.Exception is NotSupportedException));
        await Eventually.TrueAsync(() => node.Services.GetRequiredService<Hubs>().CountConnections() == 1, "the others are gone");
        await IsServedAsync(other);
    }

    [Fact]
    public async Task Handler_CallbackOnAbortedThrows_IsCountedAndTheConnectionEndsAsAnyOther()
    {
        await using var node = await AppNode.StartAsync();
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var victim = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();
        await using var registration = node.Probe.Connections[victim.Id].Aborted.Register(static () => throw new InvalidOperationException("callback"));

        await victim.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation).WithinGuardAsync();

        Assert.Equal(DisconnectKind.ClosedByClient, (await node.Probe.Disconnected(victim.Id).Task.WithinGuardAsync()).Kind);
        Assert.Equal(1, errors.Value);
        Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == 111);
        await Eventually.TrueAsync(() => node.Hub.Count == 1, "the connection is gone");
        await IsServedAsync(other);
    }

    [Fact]
    public async Task Handlers_BlockTheirThreads_OthersAreServed()
    {
        using var release = new ManualResetEventSlim();
        await using var node = await AppNode.StartAsync();
        var blocked = 0;
        node.Probe.OnMessage = (connection, message, token) =>
        {
            if (message.GetText() == "block")
            {
                Interlocked.Increment(ref blocked);
                release.Wait(CancellationToken.None);
            }

            return connection.SendAsync(message, token);
        };
        var clients = await Task.WhenAll(Enumerable.Range(0, 2 * Environment.ProcessorCount).Select(_ => node.ConnectAsync()));
        await using var other = await node.ConnectAsync();

        await Task.WhenAll(clients.Select(client => client.SendAsync("block")));
        await Eventually.TrueAsync(() => blocked == clients.Length, "all threads that there were are blocked");
        for (var i = 0; i < 10; i++)
        {
            await IsServedAsync(other);
        }

        await node.Router.SendToAllAsync("while blocked", Cancellation);
        foreach (var client in clients)
        {
            Assert.Equal("while blocked", await client.ReceiveTextAsync());
        }

        release.Set();
        foreach (var client in clients)
        {
            Assert.Equal("block", await client.ReceiveTextAsync());
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Handlers_HoldHundredMegabytesEach_OthersAreServedAndTheMemoryGoesWithTheConnections()
    {
        var allocations = new Allocations();
        await using var node = await AppNode.StartAsync(
            build: sockets => sockets.Services.AddSingleton(allocations),
            map: app => app.MapDistributedWebSocket<BigHandler>("/big"));
        var clients = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => node.ConnectAsync(path: "/big")));
        await using var other = await node.ConnectAsync();

        await Task.WhenAll(clients.Select(client => client.SendAsync("allocate")));
        foreach (var client in clients)
        {
            Assert.Equal("allocated", await client.ReceiveTextAsync());
        }

        await IsServedAsync(other);
        Assert.Equal(4, allocations.All.Count(static reference => reference.IsAlive));
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }

        await Eventually.TrueAsync(
            () =>
            {
                GC.Collect();
                return !allocations.All.Any(static reference => reference.IsAlive);
            },
            "the memory of the handlers is free, although the node goes on");
        await IsServedAsync(other);
    }

    [Theory]
    [InlineData(SlowConsumerPolicy.Close)]
    [InlineData(SlowConsumerPolicy.DropNewest)]
    [InlineData(SlowConsumerPolicy.DropOldest)]
    public async Task Handler_SendsToItselfWithoutEnd_IsBoundedByItsQueueAndOthersAreServed(SlowConsumerPolicy policy)
    {
        const int QueueBytes = 100_000;
        await using var node = await AppNode.StartAsync(options: options =>
        {
            options.SlowConsumerPolicy = policy;
            options.OutboundQueueBytes = QueueBytes;
            options.CloseTimeout = TimeSpan.FromMilliseconds(200);
        });
        using var dropped = new MetricSum(node, "distributed_sockets.dropped_frames");
        using var stop = new CancellationTokenSource();
        var mostQueued = 0;
        var ended = new TaskCompletionSource();
        node.Probe.OnMessage = async (connection, message, token) =>
        {
            if (message.GetText() != "loop")
            {
                await connection.SendAsync(message, token);
                return;
            }

            var queue = ((Connection)connection).Queue;
            while (!token.IsCancellationRequested && !stop.IsCancellationRequested)
            {
                await node.Router.SendToConnectionAsync(connection.Id, new byte[1_000], Cancellation);
                mostQueued = Math.Max(mostQueued, queue.QueuedBytes);
            }

            ended.SetResult();
        };
        await using var other = await node.ConnectAsync();
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat"); // reads nothing once it has its id
        var id = Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);

        await raw.WriteFrameAsync(0x1, "loop"u8.ToArray());
        await Eventually.TrueAsync(() => dropped.Value > (policy == SlowConsumerPolicy.Close ? 0 : 1_000), "the queue is full");
        for (var i = 0; i < 10; i++)
        {
            await IsServedAsync(other);
        }

        if (policy != SlowConsumerPolicy.Close)
        {
            await stop.CancelAsync();
        }

        await ended.Task.WithinGuardAsync();
        Assert.InRange(mostQueued, QueueBytes / 2, QueueBytes);
        if (policy == SlowConsumerPolicy.Close)
        {
            Assert.Equal(DisconnectKind.SlowConsumer, (await node.Probe.Disconnected(id).Task.WithinGuardAsync()).Kind);
        }
        else
        {
            Assert.False(node.Probe.Disconnected(id).Task.IsCompleted);
            Assert.Equal((0x2, 1_000), await raw.ReadFrameAsync() is var (opcode, payload) ? (opcode, payload.Length) : default);
        }
    }

    private static async Task IsServedAsync(TestClient client)
    {
        await client.SendAsync("fine");
        Assert.Equal("fine", await client.ReceiveTextAsync());
    }

    private sealed class Allocations
    {
        internal ConcurrentBag<WeakReference> All { get; } = [];
    }

    private sealed class BigHandler(Allocations allocations) : WebSocketHandler
    {
        private byte[] _memory = [];

        public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) =>
            Connection.SendAsync(WebSocketMessage.Text(Connection.Id), cancellationToken);

        public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
        {
            _memory = new byte[100_000_000];
            _memory.AsSpan().Fill(1);
            allocations.All.Add(new(_memory));
            return Connection.SendAsync(WebSocketMessage.Text("allocated"), cancellationToken);
        }
    }

    private sealed class UnmakeableHandler : WebSocketHandler
    {
        public UnmakeableHandler() => throw new NotSupportedException("secret detail");
    }
}
