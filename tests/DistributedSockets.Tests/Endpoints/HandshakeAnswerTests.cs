using System.Collections.Concurrent;
using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

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

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Close_WhileTheHandshakeIsAnswered_ComesBehindTheAnswerAndWhatWasSentBefore(HttpProtocols protocols)
    {
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(protocols: protocols, map: app => OnAnswering(app, async () =>
        {
            await node!.Router.SendToAllAsync("last words", Cancellation);
            await node.Router.DisconnectUserAsync("ann", WebSocketCloseStatus.PolicyViolation, "no", Cancellation);
        }));

        await using var client = await TestClient.ConnectAsync(node.Address, "/chat?u=ann", Options, readId: false);

        Assert.Equal("last words", await client.ReceiveTextAsync());
        Assert.Equal(WebSocketMessageType.Close, (await client.ReceiveAsync()).Type);
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, client.Socket.CloseStatus);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the connection has ended");

        void Options(ClientWebSocketOptions options) => (options.HttpVersion, options.HttpVersionPolicy) =
            (protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1), HttpVersionPolicy.RequestVersionExact);
    }

    [Fact]
    public async Task Handshake_BeyondKestrelsLimitOfUpgradedConnections_Gets503AndNobodySeesTheConnection()
    {
        var users = new UserLog();
        await using var node = await AppNode.StartAsync(build: sockets =>
        {
            sockets.Services.Configure<KestrelServerOptions>(static kestrel => kestrel.Limits.MaxConcurrentUpgradedConnections = 1);
            sockets.Services.AddSingleton<IClusterObserver>(users);
        });
        await using var first = await node.ConnectAsync("ann");

        using var http = new HttpClient { BaseAddress = node.Address };
        using var response = await http.SendAsync(Handshake("/chat?u=bob"), Cancellation);

        Assert.Equal(HttpStatusCode.ServiceUnavailable, response.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), response.Headers.RetryAfter?.Delta);
        Assert.Contains("takes no more connections", await response.Content.ReadAsStringAsync(Cancellation));
        Assert.False(response.Headers.Contains("Sec-WebSocket-Accept"));
        Assert.False(response.Headers.Contains("Upgrade"));
        Assert.DoesNotContain("Upgrade", response.Headers.Connection);
        Assert.Equal(1, await node.Store.CountAsync(SessionQuery.ForHub(node.Router.Hub), Cancellation));
        Assert.Equal(first.Id, Assert.Single(node.Probe.Connections).Key);
        Assert.Equal(116, Assert.Single(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning).Id.Id); // which says what to do

        // Once there is room the next one is let in, and nobody has ever heard of the other.
        await first.DisposeAsync();
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the first connection has ended");
        await Eventually.TrueAsync(
            async () =>
            {
                using var next = new ClientWebSocket();
                try
                {
                    await next.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat?u=cid"), Cancellation);
                    return true;
                }
                catch (WebSocketException)
                {
                    return false; // Kestrel has not counted the first one out yet
                }
            },
            "another one is let in");
        await Eventually.TrueAsync(() => users.Seen.Contains("cid"), "the cluster is told of it");
        Assert.DoesNotContain("bob", users.Seen);
    }

    [Theory]
    [InlineData(HttpProtocols.Http1)]
    [InlineData(HttpProtocols.Http2)]
    public async Task Handshake_ServerDoesNotTakeIt_Gets503AndLeavesNothing(HttpProtocols protocols)
    {
        await using var node = await AppNode.StartAsync(
            protocols: protocols, map: app => Wrap(app, static _ => throw new InvalidOperationException("The server can upgrade no more.")));
        using var socket = new ClientWebSocket();
        socket.Options.CollectHttpResponseDetails = true;
        socket.Options.HttpVersion = protocols == HttpProtocols.Http2 ? new(2, 0) : new(1, 1);
        socket.Options.HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact;
        socket.Options.AddSubProtocol("v1");
        using var http = new HttpMessageInvoker(new SocketsHttpHandler());

        await Assert.ThrowsAnyAsync<WebSocketException>(
            () => socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat?u=ann"), http, Cancellation));

        Assert.Equal(HttpStatusCode.ServiceUnavailable, socket.HttpStatusCode);
        Assert.Equal(0, node.Hub.Count);
        Assert.Empty(node.Probe.Connections);
        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 112);
        Assert.Equal(116, Assert.Single(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning).Id.Id); // which says what to do
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Handshake_ClientGoesWhileItIsAnswered_LeavesNothing(bool isClosedToo)
    {
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(map: app =>
        {
            OnAnswering(app, async () =>
            {
                await node!.Router.SendToAllAsync("unheard", Cancellation);
                if (isClosedToo)
                {
                    await node.Router.DisconnectUserAsync("ann", cancellationToken: Cancellation);
                }
            });
            Wrap(app, static async answer =>
            {
                await answer();
                throw new IOException("The client has gone.");
            });
        });

        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat?u=ann"), Cancellation);

        await Assert.ThrowsAnyAsync<WebSocketException>(() => socket.ReceiveAsync(new byte[1], Cancellation).WithinGuardAsync());
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the hub has let go of it");
        await Eventually.TrueAsync(async () => await node.Store.CountAsync(SessionQuery.ForHub(node.Router.Hub), Cancellation) == 0, "its session is gone");
        Assert.Empty(node.Probe.Connections);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning);
    }

    [Fact]
    public async Task Handshake_ListenerOfTheMetricsThrows_ConnectsAllTheSameAndLeavesNothing()
    {
        await using var node = await AppNode.StartAsync();
        using var listener = new ThrowingListener(node);
        await using (var client = await node.ConnectAsync())
        {
            await client.SendAsync("echo");
            Assert.Equal("echo", await client.ReceiveTextAsync());
        }

        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the hub has let go of it");
    }

    private static HttpRequestMessage Handshake(string path)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        return request;
    }

    /// <summary>Does something at the moment at which the answer to a handshake goes out.</summary>
    private static void OnAnswering(WebApplication app, Func<Task> act) => app.Use((context, next) =>
    {
        context.Response.OnStarting(act);
        return next(context);
    });

    /// <summary>Puts something around the server's answer to a handshake.</summary>
    private static void Wrap(WebApplication app, Func<Func<Task<Stream>>, Task<Stream>> around) => app.Use((context, next) =>
    {
        var answer = new Answer(context.Features.Get<IHttpUpgradeFeature>(), context.Features.Get<IHttpExtendedConnectFeature>(), around);
        context.Features.Set<IHttpUpgradeFeature>(answer);
        context.Features.Set<IHttpExtendedConnectFeature>(answer);
        return next(context);
    });

    /// <summary>The users whose sessions were reported.</summary>
    private sealed class UserLog : IClusterObserver
    {
        public ConcurrentQueue<string?> Seen { get; } = new();

        public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => See(session);

        public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => See(ended.Session);

        private ValueTask See(Session session)
        {
            Seen.Enqueue(session.UserId);
            return ValueTask.CompletedTask;
        }
    }

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
