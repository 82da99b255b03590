using System.Net.Sockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>What the library waits for during a handshake, and what happens when it never comes.</summary>
public sealed class HandshakeTimeTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;

    public HandshakeTimeTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Handshake_StoreDoesNotCount_IsAcceptedAndConnectionsOfThisNodeCount(bool hangs)
    {
        var store = new Mock<ISessionStore>();
        store.Setup(s => s.CountAsync(It.IsAny<SessionQuery>(), It.IsAny<CancellationToken>()))
            .Returns(hangs ? new(new TaskCompletionSource<long>().Task) : ValueTask.FromException<long>(new InvalidOperationException("no store")));
        await using var node = await AppNode.StartAsync(
            options: options =>
            {
                options.MaxConnectionsPerUser = 2;
                options.RemoteCommandTimeout = TimeSpan.FromMilliseconds(100);
            },
            build: sockets => sockets.UseSessionStore(_ => store.Object));

        await using var first = await node.ConnectAsync("ann");
        await using var second = await node.ConnectAsync("ann");
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => node.ConnectAsync("ann"));

        store.Verify(s => s.CountAsync(SessionQuery.ForUser("probe", "ann"), It.IsAny<CancellationToken>()), Times.Exactly(2));
        Assert.Equal(2, node.Logs.GetSnapshot().Count(record => record.Id.Id == 109));
    }

    [Fact]
    public async Task Handshake_BackplaneNeverSubscribes_IsAcceptedAndItsChannelsFollow()
    {
        var gate = new TaskCompletionSource();
        _backplane.SubscribeGate = gate;
        await using var node = await AppNode.StartAsync(
            options: options => options.RemoteCommandTimeout = TimeSpan.FromMilliseconds(100),
            build: sockets => sockets.UseBackplane(_ => _backplane));
        await using var other = await AppNode.StartAsync(_cluster);

        await using var client = await node.ConnectAsync("ann");
        await client.SendAsync("served");
        Assert.Equal("served", await client.ReceiveTextAsync());

        gate.SetResult();
        await Eventually.TrueAsync(
            async () =>
            {
                await other.Router.SendToUserAsync("ann", "from elsewhere", Cancellation);
                return await IsHeardAsync(client);
            },
            "the user is reached from another node");
        Assert.Contains(node.Logs.GetSnapshot(), record => record.Id.Id == 106);
    }

    [Fact]
    public async Task Handshake_UserDisconnectedWhileItWaits_IsClosedAsSoonAsItIsOpen()
    {
        var gate = new TaskCompletionSource();
        await using var node = await AppNode.StartAsync(build: sockets => sockets.UseBackplane(_ => _backplane));
        _backplane.SubscribeGate = gate;
        using var socket = new System.Net.WebSockets.ClientWebSocket();
        var connecting = socket.ConnectAsync(new UriBuilder(node.Address) { Scheme = "ws", Path = "/chat", Query = "u=ann" }.Uri, Cancellation);
        await Eventually.TrueAsync(() => _backplane.Calls.Any(static call => call.EndsWith("user:ann", StringComparison.Ordinal)), "the handshake waits for the channel of its user");

        await node.Router.DisconnectUserAsync("ann", (System.Net.WebSockets.WebSocketCloseStatus)4003, "banned", Cancellation);
        gate.SetResult();

        await connecting.WithinGuardAsync();
        var buffer = new byte[1_024];
        System.Net.WebSockets.WebSocketReceiveResult received;
        do
        {
            received = await socket.ReceiveAsync(buffer, Cancellation).WithinGuardAsync();
        }
        while (received.MessageType != System.Net.WebSockets.WebSocketMessageType.Close);
        Assert.Equal((4003, "banned"), ((int)socket.CloseStatus!, socket.CloseStatusDescription));
    }

    [Fact]
    public async Task Handshake_ClientGoesWhileItWaits_IsSeenByNobody()
    {
        var gate = new TaskCompletionSource();
        var gone = new TaskCompletionSource();
        var ended = new TaskCompletionSource();
        await using var node = await AppNode.StartAsync(
            build: sockets => sockets.UseBackplane(_ => _backplane),
            map: app => app.Use(async (context, next) =>
            {
                context.RequestAborted.Register(gone.SetResult);
                await next(context);
                ended.SetResult();
            }));
        _backplane.SubscribeGate = gate;
        using (var tcp = new TcpClient())
        {
            await tcp.ConnectAsync(node.Address.Host, node.Address.Port, Cancellation);
            await tcp.GetStream().WriteAsync(
                "GET /chat?u=ann HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"u8.ToArray(),
                Cancellation);
            await Eventually.TrueAsync(() => _backplane.Calls.Any(static call => call.StartsWith("subscribe", StringComparison.Ordinal) && call.EndsWith("user:ann", StringComparison.Ordinal)), "the handshake waits for the channel of its user");
        }

        await gone.Task.WithinGuardAsync();
        gate.SetResult();

        await ended.Task.WithinGuardAsync();
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 100);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning);
    }

    /// <summary>Whether the first answer is a message of the other node's, rather than this one's own echo.</summary>
    private static async Task<bool> IsHeardAsync(TestClient client)
    {
        await client.SendAsync("echo");
        return await client.ReceiveTextAsync() == "from elsewhere";
    }
}
