using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DistributedSockets.Tests;

/// <summary>The moment at which a client learns that its handshake is accepted: whatever is sent to it from then on must reach it.</summary>
public sealed class HandshakeAnswerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Send_AsSoonAsTheHandshakeIsAnswered_Arrives(HttpProtocols protocols)
    {
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(protocols: protocols, map: app => Wrap(app, async answer =>
        {
            var stream = await answer();
            await node!.Router.SendToAllAsync("to all", Cancellation);
            await node.Router.SendToUserAsync("ann", "to her", Cancellation);
            return stream;
        }));

        await using var client = await TestClient.ConnectAsync(node.Address, "/chat?u=ann", Options, readId: false);

        Assert.Equal("to all", await client.ReceiveTextAsync());
        Assert.Equal("to her", await client.ReceiveTextAsync());
        Assert.Equal(Assert.Single(node.Hub.All).Id, await client.ReceiveTextAsync()); // what the handler sends once it is connected

        void Options(ClientWebSocketOptions options) => (options.HttpVersion, options.HttpVersionPolicy) =
            (protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1), HttpVersionPolicy.RequestVersionExact);
    }

    [Fact]
    public async Task Close_BeforeTheHandshakeIsAnswered_ComesBehindTheAnswerAndWhatWasSentBefore()
    {
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(map: app => Wrap(app, async answer =>
        {
            await node!.Router.SendToAllAsync("last words", Cancellation);
            await node.Router.DisconnectUserAsync("ann", WebSocketCloseStatus.PolicyViolation, "no", Cancellation);
            return await answer();
        }));

        await using var client = await TestClient.ConnectAsync(node.Address, "/chat?u=ann", readId: false);

        Assert.Equal("last words", await client.ReceiveTextAsync());
        Assert.Equal(WebSocketMessageType.Close, (await client.ReceiveAsync()).Type);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, client.Socket.CloseStatus);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection has ended");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Handshake_CannotBeAnswered_LeavesNothing(bool isClosedToo)
    {
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(map: app => Wrap(app, async _ =>
        {
            await node!.Router.SendToAllAsync("unheard", Cancellation);
            if (isClosedToo)
            {
                await node.Router.DisconnectUserAsync("ann", cancellationToken: Cancellation);
            }

            throw new InvalidOperationException("The server can upgrade no more.");
        }));

        await Assert.ThrowsAnyAsync<WebSocketException>(() => node.ConnectAsync("ann"));

        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the hub has let go of it");
        await Eventually.TrueAsync(async () => await node.Store.CountAsync(SessionQuery.ForHub(node.Router.Hub), Cancellation) == 0, "its session is gone");
        Assert.Empty(node.Probe.Connections);
    }

    /// <summary>Puts something around the server's answer to a handshake.</summary>
    private static void Wrap(WebApplication app, Func<Func<Task<Stream>>, Task<Stream>> around) => app.Use((context, next) =>
    {
        var answer = new Answer(context.Features.Get<IHttpUpgradeFeature>(), context.Features.Get<IHttpExtendedConnectFeature>(), around);
        context.Features.Set<IHttpUpgradeFeature>(answer);
        context.Features.Set<IHttpExtendedConnectFeature>(answer);
        return next(context);
    });

    private sealed class Answer(IHttpUpgradeFeature? upgrade, IHttpExtendedConnectFeature? connect, Func<Func<Task<Stream>>, Task<Stream>> around)
        : IHttpUpgradeFeature, IHttpExtendedConnectFeature
    {
        public bool IsUpgradableRequest => upgrade?.IsUpgradableRequest ?? false;

        public bool IsExtendedConnect => connect?.IsExtendedConnect ?? false;

        public string? Protocol => connect?.Protocol;

        public Task<Stream> UpgradeAsync() => around(upgrade!.UpgradeAsync);

        public async ValueTask<Stream> AcceptAsync() => await around(() => connect!.AcceptAsync().AsTask());
    }
}
