using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class HandlerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Connect_QueryHeadersPrincipalItems_AreTheHandshakes()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync("alice", options: options => options.SetRequestHeader("X-Device", "phone"));

        var connection = node.Probe.Connections[client.Id];
        connection.Items["k"] = 1;

        Assert.Equal("alice", connection.UserId);
        Assert.Equal("alice", connection.Query["u"]);
        Assert.Equal("phone", connection.Headers["x-device"]);
        Assert.Equal("probe", connection.Hub);
        Assert.Equal(node.Services.GetRequiredService<NodeInfo>().NodeId, connection.NodeId);
        Assert.StartsWith(connection.NodeId + ".", connection.Id);
        Assert.Equal("127.0.0.1", connection.RemoteIpAddress?.ToString());
        Assert.False(connection.User.Identity?.IsAuthenticated ?? false);
        Assert.Equal(1, connection.Items["k"]);
        Assert.Null(connection.SubProtocol);
    }

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("€")]
    public async Task Message_Text_ArrivesWhole(string text)
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();

        await client.SendAsync(text);

        Assert.Equal(text, await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Message_FragmentedBinaryWithEmptyFragments_ArrivesWhole()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();

        await client.SendAsync([], WebSocketMessageType.Binary, endOfMessage: false);
        await client.SendAsync([1, 2], WebSocketMessageType.Binary, endOfMessage: false);
        await client.SendAsync([], WebSocketMessageType.Binary, endOfMessage: false);
        await client.SendAsync([3], WebSocketMessageType.Binary, endOfMessage: false);
        await client.SendAsync([], WebSocketMessageType.Binary);

        var (type, data) = await client.ReceiveAsync();
        Assert.Equal(WebSocketMessageType.Binary, type);
        Assert.Equal([1, 2, 3], data);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(10_000)]
    [InlineData(65_536)]
    public async Task Message_ExactlyAtTheLimit_Passes(int limit)
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxMessageBytes = limit);
        await using var client = await node.ConnectAsync();

        await client.SendAsync(new byte[limit], WebSocketMessageType.Binary);

        Assert.Equal(limit, (await client.ReceiveAsync()).Data.Length);
    }

    [Theory]
    [InlineData(1, false)]
    [InlineData(10_000, true)]
    [InlineData(65_536, false)]
    public async Task Message_OneByteOverTheLimit_ClosesWith1009(int limit, bool fragmented)
    {
        await using var node = await AppNode.StartAsync(options: options => options.MaxMessageBytes = limit);
        await using var client = await node.ConnectAsync();

        await client.SendAsync(new byte[limit], WebSocketMessageType.Binary, endOfMessage: !fragmented && limit == 0);
        await client.SendAsync(new byte[1], WebSocketMessageType.Binary);

        Assert.Equal(WebSocketCloseStatus.MessageTooBig, (await client.ReceiveCloseAsync()).Status);
        var reason = await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        Assert.Equal(DisconnectKind.MessageTooBig, reason.Kind);
    }

    [Fact]
    public async Task Handler_Throws_ClosesThatConnectionWith1011LoggedOnceAndHarmsNoOther()
    {
        await using var node = await AppNode.StartAsync();
        await using var victim = await node.ConnectAsync();
        await using var other = await node.ConnectAsync();
        node.Probe.OnMessage = (connection, message, token) =>
            message.GetText() == "boom" ? throw new InvalidOperationException("secret detail") : connection.SendAsync(message, token);

        await victim.SendAsync("boom");
        await victim.SendAsync("never handled");

        var (status, description) = await victim.ReceiveCloseAsync();
        Assert.Equal(WebSocketCloseStatus.InternalServerError, status);
        Assert.DoesNotContain("secret", description);
        var reason = await node.Probe.Disconnected(victim.Id).Task.WithinGuardAsync();
        Assert.Equal(DisconnectKind.HandlerError, reason.Kind);
        Assert.Equal("secret detail", reason.Exception?.Message);
        await other.SendAsync("fine");
        Assert.Equal("fine", await other.ReceiveTextAsync());
        Assert.Single(node.Logs.GetSnapshot(), record => record.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task OnConnected_Throws_ClosesWith1013AndTellsOnDisconnected()
    {
        await using var node = await AppNode.StartAsync();
        string? id = null;
        node.Probe.OnConnected = connection =>
        {
            id = connection.Id;
            throw new InvalidOperationException("no");
        };

        await using var client = await TestClient.ConnectAsync(node.Address, "/chat", readId: false);

        Assert.Equal((WebSocketCloseStatus)1013, (await client.ReceiveCloseAsync()).Status);
        Assert.Equal(DisconnectKind.HandlerError, (await node.Probe.Disconnected(id!).Task.WithinGuardAsync()).Kind); // set before the close frame
    }

    [Fact]
    public async Task OnDisconnected_Throws_IsLoggedAndHarmsNothing()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        node.Probe.OnDisconnected = static (_, _) => throw new InvalidOperationException("late");

        await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, "bye", Cancellation).WithinGuardAsync();

        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(record => record.Id.Id == 103), "the exception is logged");
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection is gone");
    }

    [Fact]
    public async Task Close_ByServer_ReachesClientBehindWhatWasSent()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        node.Probe.OnMessage = static async (connection, message, token) =>
        {
            await connection.SendAsync(message, token);
            await connection.CloseAsync((WebSocketCloseStatus)4_123, "enough", token);
            await connection.SendAsync(WebSocketMessage.Text("too late"), token);
        };

        await client.SendAsync("last words");

        Assert.Equal("last words", await client.ReceiveTextAsync());
        Assert.Equal(((WebSocketCloseStatus)4_123, "enough"), await client.ReceiveCloseAsync());
        var reason = await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        Assert.Equal(new DisconnectReason { Kind = DisconnectKind.ClosedByServer, CloseStatus = (WebSocketCloseStatus)4_123, Description = "enough" }, reason);
    }

    [Fact]
    public async Task Close_ByClient_IsAnsweredAndTold()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync("u");
        var aborted = node.Probe.Connections[client.Id].Aborted;

        await client.Socket.CloseAsync((WebSocketCloseStatus)4_500, "done here", Cancellation).WithinGuardAsync();

        Assert.Equal((WebSocketCloseStatus)4_500, client.Socket.CloseStatus);
        var reason = await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync();
        Assert.Equal(new DisconnectReason { Kind = DisconnectKind.ClosedByClient, CloseStatus = (WebSocketCloseStatus)4_500, Description = "done here" }, reason);
        Assert.True(aborted.IsCancellationRequested);
    }

    [Fact]
    public async Task Close_ClientNeverAnswers_IsCutAfterTheCloseTimeout()
    {
        await using var node = await AppNode.StartAsync(options: options => options.CloseTimeout = TimeSpan.FromMilliseconds(100));
        await using var client = await node.ConnectAsync();

        await node.Probe.Connections[client.Id].CloseAsync(cancellationToken: Cancellation);

        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection is gone");
    }

    [Fact]
    public async Task Client_GoneWithoutCloseFrame_IsConnectionLost()
    {
        await using var node = await AppNode.StartAsync();
        var client = await node.ConnectAsync();

        client.Socket.Abort();

        Assert.Equal(DisconnectKind.ConnectionLost, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Fact]
    public async Task Abort_ByServer_CutsWithoutCloseFrameAndCancelsTheHandler()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        var cancelled = new TaskCompletionSource();
        node.Probe.OnMessage = async (connection, _, token) =>
        {
            connection.Abort();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.Delay(Timeout.Infinite, token));
            cancelled.SetResult();
        };

        await client.SendAsync("x");

        await cancelled.Task.WithinGuardAsync();
        await Assert.ThrowsAsync<WebSocketException>(client.ReceiveAsync);
        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Theory]
    [InlineData("reset")]
    [InlineData("fin")]
    [InlineData("close frame")]
    public async Task Client_GoneWhileTheHandlerIsBusy_CancelsItsToken(string way)
    {
        await using var node = await AppNode.StartAsync();
        var busy = new TaskCompletionSource();
        node.Probe.OnMessage = async (_, _, token) =>
        {
            busy.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);
        await raw.WriteFrameAsync(0x1, "go"u8.ToArray());
        await busy.Task.WithinGuardAsync();

        if (way == "close frame")
        {
            await raw.WriteFrameAsync(0x8, [0x03, 0xE8]);
        }

        if (way == "reset")
        {
            raw.Tcp.LingerState = new(true, 0);
            raw.Tcp.Close();
        }
        else
        {
            raw.Tcp.Client.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        }

        var reason = await node.Probe.Disconnected(id).Task.WithinGuardAsync();
        Assert.Equal(way == "close frame" ? DisconnectKind.ClosedByClient : DisconnectKind.ConnectionLost, reason.Kind);
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection is gone");
    }

    [Fact]
    public async Task Handler_BusyForLongerThanPingsMayTake_DoesNotCostTheClientItsConnection()
    {
        var time = new FakeTimeProvider();
        await using var node = await AppNode.StartAsync(
            options: static options => options.KeepAliveTimeout = TimeSpan.FromMinutes(10), // many steps of the clock, so that a busy machine has time to send the ping
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        var (busy, finish) = (new TaskCompletionSource(), new TaskCompletionSource());
        node.Probe.OnMessage = async (connection, message, token) =>
        {
            busy.SetResult();
            await finish.Task.WaitAsync(token);
            await connection.SendAsync(message, token);
        };
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        await raw.ReadFrameAsync();
        await raw.WriteFrameAsync(0x1, "work"u8.ToArray());
        await busy.Task.WithinGuardAsync();

        // Pinged while its handler works, and still there when another one, pinged later, is given up for not answering.
        var pinged = raw.ReadFrameAsync();
        await AdvanceUntilAsync(pinged, TimeSpan.FromSeconds(1), "it is pinged");
        Assert.Equal(0x9, (await pinged).Opcode);
        await raw.WriteFrameAsync(0xA, []);
        using var silent = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = Encoding.UTF8.GetString((await silent.ReadFrameAsync()).Payload);
        await AdvanceUntilAsync(node.Probe.Disconnected(id).Task, TimeSpan.FromSeconds(20), "the silent one is given up");
        Assert.Equal(DisconnectKind.ConnectionLost, (await node.Probe.Disconnected(id).Task).Kind);
        finish.SetResult();

        (int Opcode, byte[] Payload) frame;
        do
        {
            frame = await raw.ReadFrameAsync();
        }
        while (frame.Opcode == 0x9);
        Assert.Equal((0x1, "work"), (frame.Opcode, Encoding.UTF8.GetString(frame.Payload)));

        Task AdvanceUntilAsync(Task task, TimeSpan step, string expectation) => Eventually.TrueAsync(
            () =>
            {
                time.Advance(step);
                return task.IsCompleted;
            },
            expectation);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Handler_NeverReturns_PingsAreAnsweredAllTheSame(bool fromTheStart)
    {
        await using var node = await AppNode.StartAsync();
        var busy = new TaskCompletionSource();
        node.Probe.OnMessage = async (_, _, token) =>
        {
            busy.SetResult();
            await Task.Delay(Timeout.Infinite, token);
        };
        node.Probe.OnConnected = connection => fromTheStart ? node.Probe.OnMessage(connection, default, connection.Aborted) : ValueTask.CompletedTask;
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        if (!fromTheStart)
        {
            await raw.ReadFrameAsync();
            await raw.WriteFrameAsync(0x1, "go"u8.ToArray());
        }

        await busy.Task.WithinGuardAsync();
        await raw.WriteFrameAsync(0x9, "one"u8.ToArray());
        await raw.WriteFrameAsync(0x9, "two"u8.ToArray());

        Assert.Equal((0xA, "one"), await ReadAsync());
        Assert.Equal((0xA, "two"), await ReadAsync());

        async Task<(int, string)> ReadAsync()
        {
            var (opcode, payload) = await raw.ReadFrameAsync();
            return (opcode, Encoding.UTF8.GetString(payload));
        }
    }

    [Fact]
    public async Task Connection_UsedAfterItsEnd_DoesNothing()
    {
        await using var node = await AppNode.StartAsync();
        var client = await node.ConnectAsync();
        var connection = node.Probe.Connections[client.Id];
        await client.DisposeAsync();
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection is gone");
        await using var other = await node.ConnectAsync();

        await connection.SendAsync("late", Cancellation);
        await connection.CloseAsync(cancellationToken: Cancellation);
        connection.Abort();

        await other.SendAsync("still here");
        Assert.Equal("still here", await other.ReceiveTextAsync());
        Assert.True(connection.Aborted.IsCancellationRequested);
    }

    [Fact]
    public async Task Close_ReasonThatUtf8CannotExpress_IsRefusedAndLeaksNothing()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();

        await Assert.ThrowsAsync<ArgumentException>(async () => await node.Probe.Connections[client.Id].CloseAsync(reason: "\uD800", cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await node.Router.DisconnectAsync(client.Id, reason: "\uD800", cancellationToken: Cancellation));

        await client.SendAsync("still here");
        Assert.Equal("still here", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Send_TextThatIsNoUtf8_IsRefused()
    {
        await using var node = await AppNode.StartAsync();
        var message = new WebSocketMessage(new byte[] { 0xFF }, WebSocketMessageType.Text);

        var exception = await Assert.ThrowsAsync<ArgumentException>(async () => await node.Router.SendAsync(WebSocketTarget.All, message, Cancellation));

        Assert.Contains("UTF-8", exception.Message);
    }

    [Fact]
    public async Task Handler_Tested_TakesAStandIn()
    {
        var connection = new Moq.Mock<WebSocketConnection>();
        var handler = new EchoHandler().WithConnection(connection.Object);

        await handler.OnMessageAsync(WebSocketMessage.Text("x"), Cancellation);

        connection.Verify(c => c.SendAsync(Moq.It.Is<WebSocketMessage>(message => message.GetText() == "x"), Cancellation));
        Assert.Throws<InvalidOperationException>(() => handler.WithConnection(connection.Object));
        Assert.Throws<InvalidOperationException>(() => new EchoHandler().Connection);
    }

    private sealed class EchoHandler : WebSocketHandler
    {
        public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => Connection.SendAsync(message, cancellationToken);
    }

    [Theory]
    [InlineData(999)]
    [InlineData(1002)]
    [InlineData(1005)]
    [InlineData(1006)]
    [InlineData(1015)]
    [InlineData(2999)]
    [InlineData(5000)]
    public async Task Close_CodeThatMayNotBeSent_IsRefused(int code)
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        var connection = node.Probe.Connections[client.Id];

        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await connection.CloseAsync((WebSocketCloseStatus)code, cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await node.Router.DisconnectAsync(client.Id, (WebSocketCloseStatus)code, cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await connection.CloseAsync(reason: new('x', 124), cancellationToken: Cancellation));
        await connection.CloseAsync(reason: new('x', 123), cancellationToken: Cancellation);
        Assert.Equal((WebSocketCloseStatus.NormalClosure, new string('x', 123)), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Handler_OnePerConnectionInItsOwnScope_DisposedAtTheEnd()
    {
        await using var node = await AppNode.StartAsync(
            build: sockets => sockets.Services.AddSingleton<ScopeLog>().AddScoped<ScopedService>(),
            map: app => app.MapDistributedWebSocket<ScopedHandler>("/scoped"));
        var log = node.Services.GetRequiredService<ScopeLog>();
        await using var one = await node.ConnectAsync(path: "/scoped");
        await using var two = await node.ConnectAsync(path: "/scoped");

        await one.SendAsync("again");

        Assert.NotEqual(one.Id, two.Id);
        Assert.Equal(one.Id, await one.ReceiveTextAsync());
        await one.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation).WithinGuardAsync();
        await Eventually.TrueAsync(() => log.Disposed == 2, "the handler and its scoped service are disposed");
    }

    [Fact]
    public async Task Handler_RegisteredAsSingleton_IsRefusedWithAReason()
    {
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton<ProbeHandler>());
        await using var first = await node.ConnectAsync();
        await using var second = await TestClient.ConnectAsync(node.Address, "/chat", readId: false);

        Assert.Equal(WebSocketCloseStatus.InternalServerError, (await second.ReceiveCloseAsync()).Status);
        Assert.Contains(node.Logs.GetSnapshot(), record => record.Exception?.Message.Contains("registered as a singleton") == true);
    }

    [Fact]
    public async Task Lambda_Message_GetsConnectionAndRouterOfItsHub()
    {
        await using var node = await AppNode.StartAsync(map: app =>
            app.MapDistributedWebSocket("/lambda", (connection, message, router, token) => router.SendToAllAsync($"{router.Hub} {message.GetText()}", token), "small"));
        await using var one = await TestClient.ConnectAsync(node.Address, "/lambda", readId: false);
        await using var two = await TestClient.ConnectAsync(node.Address, "/lambda", readId: false);

        await one.SendAsync("hello");

        Assert.Equal("small hello", await one.ReceiveTextAsync());
        Assert.Equal("small hello", await two.ReceiveTextAsync());
    }

    [Fact]
    public async Task Send_ThousandConcurrentlyOfFourKilobytes_DoesNotCostAReaderItsConnection()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        var reading = Task.Run(
            async () =>
            {
                var received = new HashSet<string>();
                while (received.Count < 1_000)
                {
                    received.Add(await client.ReceiveTextAsync());
                }
            },
            Cancellation);

        await Task.WhenAll(Enumerable.Range(0, 1_000).Select(i => node.Router.SendToConnectionAsync(client.Id, $"{i}".PadRight(4_096), Cancellation).AsTask()));

        await reading.WithinGuardAsync();
    }

    [Fact]
    public async Task Send_OneMemberStalled_TheOthersGetEverything()
    {
        const int Messages = 1_000;
        await using var node = await AppNode.StartAsync();
        using var stalled = await RawClient.ConnectAsync(node.Address, "/chat");
        await using var healthy = await node.ConnectAsync();
        using var window = new SemaphoreSlim(50); // the healthy one keeps up
        var reading = Task.Run(
            async () =>
            {
                for (var i = 0; i < Messages; i++)
                {
                    Assert.Equal(100_000, (await healthy.ReceiveAsync()).Data.Length);
                    window.Release();
                }
            },
            Cancellation);
        var payload = new byte[100_000];

        for (var i = 0; i < Messages; i++)
        {
            await window.WaitAsync(Cancellation);
            await node.Router.SendToAllAsync(payload, Cancellation);
        }

        await reading.WithinGuardAsync();
        await Eventually.TrueAsync(() => node.Hub.Count == 1, "the stalled member is gone");
    }

    [Fact]
    public async Task Send_ThousandConcurrently_FramesIntactAndInOrderPerSender()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        const int Senders = 10;
        const int PerSender = 100;

        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Run(async () =>
        {
            for (var i = 0; i < PerSender; i++)
            {
                await node.Router.SendToConnectionAsync(client.Id, $"{sender}:{i}:{new string('x', i * 7)}", Cancellation);
            }
        })));

        var next = new int[Senders];
        for (var i = 0; i < Senders * PerSender; i++)
        {
            var parts = (await client.ReceiveTextAsync()).Split(':');
            var sender = int.Parse(parts[0]);
            Assert.Equal(next[sender]++, int.Parse(parts[1]));
            Assert.Equal(new string('x', int.Parse(parts[1]) * 7), parts[2]);
        }
    }

    internal sealed class ScopeLog
    {
        internal int Disposed;
    }

    internal sealed class ScopedService(ScopeLog log) : IDisposable
    {
        internal Guid Id { get; } = Guid.NewGuid();

        public void Dispose() => Interlocked.Increment(ref log.Disposed);
    }

    internal sealed class ScopedHandler(ScopedService service, ScopeLog log) : WebSocketHandler, IAsyncDisposable
    {
        public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) => TellAsync(cancellationToken);

        public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => TellAsync(cancellationToken);

        public ValueTask DisposeAsync()
        {
            Interlocked.Increment(ref log.Disposed);
            return ValueTask.CompletedTask;
        }

        private ValueTask TellAsync(CancellationToken cancellationToken) =>
            Connection.SendAsync(WebSocketMessage.Text($"{service.Id}"), cancellationToken);
    }
}
