using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Session;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Connections that are ended, or whose node is, while they are still being opened.</summary>
public sealed class EarlyEndTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Close_BeforeTheHandlerIsMade_ReachesTheClientAndTheHandlerOnce()
    {
        var birth = new Birth();
        await using var node = await StartAsync(birth);
        birth.OnCreated = () => node.Services.GetRequiredService<Hubs>().Get("early").All.Single().Close(
            new() { Kind = DisconnectKind.ClosedByServer, CloseStatus = (WebSocketCloseStatus)4_001, Description = "kicked" });

        await using var client = await TestClient.ConnectAsync(node.Address, "/early", readId: false);

        Assert.Equal(((WebSocketCloseStatus)4_001, "kicked"), await client.ReceiveCloseAsync());
        Assert.Equal("ClosedByServer (4001): kicked", (await birth.Disconnected.Task.WithinGuardAsync()).ToString());
        await Eventually.TrueAsync(() => node.Services.GetRequiredService<Hubs>().Get("early").Count == 0, "the hub has let go of it");
        Assert.Equal((1, 1), (birth.Connects, birth.Disconnects));
    }

    [Fact]
    public async Task Abort_BeforeTheHandlerIsMade_CutsAndTellsTheHandlerOnce()
    {
        var birth = new Birth();
        await using var node = await StartAsync(birth);
        birth.OnCreated = () => node.Services.GetRequiredService<Hubs>().Get("early").All.Single().Abort();

        await Assert.ThrowsAsync<WebSocketException>(async () =>
        {
            await using var client = await TestClient.ConnectAsync(node.Address, "/early", readId: false); // the cut may overtake the answer
            await client.ReceiveAsync();
        });

        Assert.Equal("ClosedByServer", (await birth.Disconnected.Task.WithinGuardAsync()).ToString());
        Assert.Equal((1, 1), (birth.Connects, birth.Disconnects));
    }

    [Fact]
    public async Task Disconnect_OfAUserWhoIsBeingAccepted_EndsTheConnectionOrNeverSawIt()
    {
        await using var node = await AppNode.StartAsync();
        for (var i = 0; i < 30; i++)
        {
            var user = $"u{i}";
            var connecting = TestClient.ConnectAsync(node.Address, $"/chat?u={user}", readId: false);
            while (node.Hub.User(user).Count == 0)
            {
                await Task.Yield(); // as early as the hub knows it
            }

            await node.Router.DisconnectUserAsync(user, (WebSocketCloseStatus)4_002, "out", Cancellation);

            await using var client = await connecting;
            Assert.Equal(((WebSocketCloseStatus)4_002, "out"), await client.ReceiveCloseAsync());
        }

        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the hub has let go of all");
    }

    [Fact]
    public async Task Stop_WhileAHandshakeIsUnderWay_ClosesItsConnectionToo()
    {
        var backplane = new FakeBackplane(new());
        await using var node = await AppNode.StartAsync(build: sockets => sockets.UseBackplane(_ => backplane));
        await using var earlier = await node.ConnectAsync("ann");
        var gate = backplane.SubscribeGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var connecting = TestClient.ConnectAsync(node.Address, "/chat?u=bob", readId: false);
        await Eventually.TrueAsync(() => backplane.Calls.Any(static call => call.EndsWith(":user:bob", StringComparison.Ordinal)), "bob is being accepted");

        var stopping = node.StopAsync();
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await earlier.ReceiveCloseAsync()).Status);
        await node.Probe.Disconnected(earlier.Id).Task.WithinGuardAsync();
        Assert.False(stopping.IsCompleted); // it waits for the one that was let in
        gate.SetResult();

        await using var client = await connecting;
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await client.ReceiveCloseAsync()).Status);
        await stopping.WithinGuardAsync();
        Assert.Equal(0, node.Hub.Count);
    }

    [Fact]
    public async Task Dispose_WhileAHandshakeIsUnderWay_EndsIt()
    {
        var cluster = new InMemoryCluster();
        await using var other = await AppNode.StartAsync(cluster);
        var backplane = new FakeBackplane(cluster);
        var node = await AppNode.StartAsync(cluster, build: sockets => sockets.UseBackplane(_ => backplane));
        var gate = backplane.SubscribeGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var connecting = TestClient.ConnectAsync(node.Address, "/chat?u=bob", readId: false);
        await Eventually.TrueAsync(() => backplane.Calls.Any(static call => call.EndsWith(":user:bob", StringComparison.Ordinal)), "bob is being accepted");

        var disposal = node.DisposeAsync().AsTask();
        gate.SetResult();

        await disposal.WithinGuardAsync();
        await Assert.ThrowsAnyAsync<WebSocketException>(async () =>
        {
            await using var client = await connecting; // if it was answered at all
            await client.ReceiveCloseAsync();
            throw new WebSocketException("closed in good order");
        });
        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
        Assert.False(await other.Store.IsOnlineAsync("probe", "bob", Cancellation));
    }

    [Fact]
    public async Task Handshake_WhatWasAskedForMeanwhileFails_CutsTheConnectionAndLeavesNothing()
    {
        var time = new FailingTime();
        AppNode? node = null;
        await using var started = node = await AppNode.StartAsync(
            options: static options => options.AddConnectionFilter(static (context, _) =>
            {
                context.Groups.Add("g");
                return ValueTask.CompletedTask;
            }),
            build: sockets => sockets.Services.AddSingleton<TimeProvider>(time),
            map: app => app.Use((context, next) =>
            {
                var session = new Mock<ISession>(); // the last thing that a handshake waits for
                session.Setup(static state => state.LoadAsync(It.IsAny<CancellationToken>()))
                    .Returns(() => node!.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation).AsTask());
                context.Features.Set<ISessionFeature>(new SessionFeature { Session = session.Object });
                var failNext = time.Follow();
                context.Response.OnStarting(() =>
                {
                    failNext();
                    return Task.CompletedTask;
                });
                return next(context);
            }));

        await Assert.ThrowsAnyAsync<WebSocketException>(async () =>
        {
            using var socket = new ClientWebSocket();
            await socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, "/chat?u=ann"), Cancellation); // the cut may overtake the answer
            while (true)
            {
                await socket.ReceiveAsync(new byte[100], Cancellation).WithinGuardAsync();
            }
        });
        await Eventually.TrueAsync(() => node.Hub.Count == 0, "the hub has let go of it");
        await Eventually.TrueAsync(async () => await node.Store.CountAsync(SessionQuery.ForHub(node.Router.Hub), Cancellation) == 0, "its session is gone");
        Assert.Equal("out of time", Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 127).Exception?.Message);
    }

    private static Task<AppNode> StartAsync(Birth birth) => AppNode.StartAsync(
        build: sockets => sockets.Services.AddSingleton(birth), map: static app => app.MapDistributedWebSocket<EarlyHandler>("/early"));

    /// <summary>A clock that fails once for one request.</summary>
    private sealed class FailingTime : TimeProvider
    {
        private readonly AsyncLocal<StrongBox<bool>?> _fails = new();

        public override long GetTimestamp()
        {
            if (_fails.Value is { Value: true } fails)
            {
                fails.Value = false;
                throw new InvalidOperationException("out of time");
            }

            return base.GetTimestamp();
        }

        /// <returns>Has it fail when what the caller calls from now on asks it next.</returns>
        internal Action Follow()
        {
            var fails = _fails.Value = new();
            return () => fails.Value = true;
        }
    }

    private sealed class Birth
    {
        private int _connects;
        private int _disconnects;

        internal Action OnCreated { get; set; } = static () => { };

        internal int Connects => _connects;

        internal int Disconnects => _disconnects;

        internal TaskCompletionSource<DisconnectReason> Disconnected { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        internal void Connect() => Interlocked.Increment(ref _connects);

        internal void Disconnect(DisconnectReason reason)
        {
            Interlocked.Increment(ref _disconnects);
            Disconnected.TrySetResult(reason);
        }
    }

    [WebSocketHub("early")]
    private sealed class EarlyHandler : WebSocketHandler
    {
        private readonly Birth _birth;

        public EarlyHandler(Birth birth)
        {
            _birth = birth;
            birth.OnCreated();
        }

        public override ValueTask OnConnectedAsync(CancellationToken cancellationToken)
        {
            _birth.Connect();
            return ValueTask.CompletedTask;
        }

        public override ValueTask OnDisconnectedAsync(DisconnectReason reason)
        {
            _birth.Disconnect(reason);
            return ValueTask.CompletedTask;
        }
    }
}
