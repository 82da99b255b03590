using System.Net;
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>A node with two hubs, <c>probe</c> at <c>/chat</c> and <c>echo</c> at <c>/echo</c>, each of which is held to its own options.</summary>
public sealed class HubsOfOneNodeTests
{
    private const string Offer = "permessage-deflate; client_max_window_bits";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Limits_OfOneHub_HoldForItsConnectionsAlone()
    {
        await using var node = await StartAsync(static hub => (hub.MaxMessageBytes, hub.MaxGroupsPerConnection, hub.MaxConnectionsPerUser) = (10, 1, 1));
        await using var chat = await node.ConnectAsync("ann");
        await using var echo = await ConnectToEchoAsync(node, "ann");
        await using var otherEcho = await ConnectToEchoAsync(node, "ann");

        await Assert.ThrowsAsync<WebSocketException>(() => node.ConnectAsync("ann")); // one is enough for her in this hub

        await node.Router.AddToGroupAsync(chat.Id, "first", Cancellation);
        var refused = await Assert.ThrowsAsync<InvalidOperationException>(async () => await node.Router.AddToGroupAsync(chat.Id, "second", Cancellation));
        Assert.Contains("HubOptions.MaxGroupsPerConnection", refused.Message);

        await echo.SendAsync("longer than ten bytes");
        Assert.Equal("longer than ten bytes", await echo.ReceiveTextAsync());
        await chat.SendAsync("longer than ten bytes");
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, (await chat.ReceiveCloseAsync()).Status);
    }

    [Fact]
    public async Task Connection_HasEnded_LeadsToNobodyWhoWasThere()
    {
        await using var node = await StartAsync(static _ => { });
        await using var client = await node.ConnectAsync("ann");
        var connection = node.Hub.Find(client.Id)!;
        Assert.True(connection is { InHub: not null, OfUser: not null });

        await client.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await Eventually.TrueAsync(() => node.Hub.Find(client.Id) is null, "it is known no more");

        // An app may hold it for as long as it likes, and must not hold by it whoever was in the same lists.
        await Eventually.TrueAsync(() => connection is { InHub: null, OfUser: null, Groups.Count: 0 }, "it leads nowhere");
    }

    [Fact]
    public async Task SlowConsumer_PolicyOfTheHub_DecidesWhatBecomesOfIt()
    {
        await using var node = await StartAsync(static hub => (hub.OutboundQueueFrames, hub.SlowConsumerPolicy) = (1, SlowConsumerPolicy.DropOldest));
        using var chat = await RawClient.ConnectAsync(node.Address, "/chat");
        var echoHub = node.Services.GetRequiredService<Hubs>().Get("echo");
        using var echo = await RawClient.ConnectAsync(node.Address, "/echo");
        var (dropping, closing) = (node.Hub.All.Single(), echoHub.All.Single());
        var large = WebSocketMessage.Binary(new byte[1 << 20]);

        // Nobody reads, so that what waits is soon more than the queues may hold: 1 frame here, 16 MiB there.
        await Eventually.TrueAsync(
            async () =>
            {
                await dropping.SendAsync(large, Cancellation);
                await closing.SendAsync(large, Cancellation);
                return closing.Reason is not null;
            },
            "the queue of the other hub is full");

        Assert.Equal(DisconnectKind.SlowConsumer, closing.Reason?.Kind);
        Assert.Null(dropping.Reason);
    }

    [Fact]
    public async Task Compression_OfOneHub_IsAgreedOnAndUsedThereAlone()
    {
        await using var node = await StartAsync(static hub => hub.EnableCompression = true);
        using var chat = await RawClient.ConnectAsync(node.Address, "/chat", Offer);
        using var echo = await RawClient.ConnectAsync(node.Address, "/echo", Offer);
        Assert.Contains("permessage-deflate", chat.Handshake);
        Assert.DoesNotContain("permessage-deflate", echo.Handshake);
        await chat.ReadAnyFrameAsync(); // the id

        await node.Router.SendToAllAsync(new string('x', 1_000), Cancellation);

        Assert.Equal(0xC1, (await chat.ReadAnyFrameAsync()).First);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Compression_OfAWorkerThatOnlySends_IsItsOwnChoiceForThatHub(bool compresses)
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(static hub => hub.EnableCompression = true, cluster: cluster);
        using var client = await RawClient.ConnectAsync(node.Address, "/chat", Offer);
        await client.ReadAnyFrameAsync(); // the id
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Configuration.AddInMemoryCollection([new($"DistributedWebSockets:Hubs:{(compresses ? "probe" : "echo")}:EnableCompression", "true")]);
        builder.Services.AddDistributedWebSockets().UseInMemory(cluster);
        using var worker = builder.Build();
        await worker.StartAsync(Cancellation);

        await worker.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("probe").SendToAllAsync(new string('x', 1_000), Cancellation);

        Assert.Equal(compresses ? 0xC1 : 0x81, (await client.ReadAnyFrameAsync()).First);
        await worker.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Times_OfEachHub_AreKeptWhateverThoseOfTheOtherAre()
    {
        var time = new FakeTimeProvider();
        await using var node = await StartAsync(
            static hub => hub.IdleTimeout = TimeSpan.FromSeconds(2),
            static echo => (echo.IdleTimeout, echo.KeepAliveInterval, echo.KeepAliveTimeout) = (TimeSpan.FromMinutes(50), TimeSpan.FromHours(1), TimeSpan.FromHours(1)),
            services: services => services.AddSingleton<TimeProvider>(time));
        await using var chat = await node.ConnectAsync();
        await using var echo = await ConnectToEchoAsync(node);
        await echo.SendAsync("begin");
        await echo.ReceiveTextAsync();

        await AdvanceUntilEndedAsync(node.Hub, TimeSpan.FromSeconds(0.5)); // however late a busy machine notices, the other hub's time is far from over

        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "No message was sent or received for 00:00:02."), await chat.ReceiveCloseAsync());
        await echo.SendAsync("still open");
        Assert.Equal("still open", await echo.ReceiveTextAsync());

        await AdvanceUntilEndedAsync(node.Services.GetRequiredService<Hubs>().Get("echo"), TimeSpan.FromMinutes(5));

        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "No message was sent or received for 00:50:00."), await echo.ReceiveCloseAsync());

        async Task AdvanceUntilEndedAsync(HubConnections hub, TimeSpan step)
        {
            var connection = hub.All.Single();
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(step);
                    return connection.Reason is not null;
                },
                $"the connection of hub {hub.Name} is closed");
        }
    }

    [Fact]
    public async Task Endpoints_OfOneHub_TakeTheirOwnOriginsAndSubProtocols()
    {
        await using var node = await AppNode.StartAsync(
            options: static options => options.AllowedOrigins.Add("https://everywhere.example"),
            build: static sockets => sockets.AddHub<ProbeHandler>(static hub => hub.SubProtocols.Add("v1")),
            map: static app => app.MapDistributedWebSocket<ProbeHandler>("/partners", static handshake =>
            {
                handshake.AllowedOrigins.Add("https://partner.example");
                handshake.SubProtocols.Insert(0, "v2");
            }));

        Assert.Equal((HttpStatusCode.SwitchingProtocols, "v1"), await HandshakeAsync("/chat", "https://everywhere.example"));
        Assert.Equal((HttpStatusCode.Forbidden, null), await HandshakeAsync("/chat", "https://partner.example"));
        Assert.Equal((HttpStatusCode.SwitchingProtocols, "v2"), await HandshakeAsync("/partners", "https://partner.example"));
        Assert.Equal((HttpStatusCode.SwitchingProtocols, "v2"), await HandshakeAsync("/partners", "https://everywhere.example"));
        await using var here = await node.ConnectAsync();
        await using var there = await node.ConnectAsync(path: "/partners");

        await node.Router.SendToAllAsync("to the hub", Cancellation);

        Assert.Equal("to the hub", await here.ReceiveTextAsync());
        Assert.Equal("to the hub", await there.ReceiveTextAsync());

        async Task<(HttpStatusCode Status, string? SubProtocol)> HandshakeAsync(string path, string origin)
        {
            using var socket = new ClientWebSocket();
            socket.Options.CollectHttpResponseDetails = true;
            socket.Options.SetRequestHeader("Origin", origin);
            socket.Options.AddSubProtocol("v1");
            socket.Options.AddSubProtocol("v2");
            try
            {
                await socket.ConnectAsync(new(new UriBuilder(node.Address) { Scheme = "ws" }.Uri, path), Cancellation).WithinGuardAsync();
            }
            catch (WebSocketException)
            {
                // The status says why.
            }

            return (socket.HttpStatusCode, socket.SubProtocol);
        }
    }

    [Fact]
    public async Task Endpoint_WithOptionsThatCannotBeUsed_IsNotMapped()
    {
        var refusal = await Assert.ThrowsAsync<OptionsValidationException>(() => AppNode.StartAsync(
            map: static app => app.MapDistributedWebSocket<ProbeHandler>("/partners", static handshake => handshake.AllowedOrigins.Add("partner.example"))));

        Assert.Contains("Endpoint '/partners': AllowedOrigins contains 'partner.example'", refusal.Message);
    }

    private static Task<TestClient> ConnectToEchoAsync(AppNode node, string? user = null) =>
        TestClient.ConnectAsync(node.Address, user is null ? "/echo" : $"/echo?u={user}", readId: false);

    private static Task<AppNode> StartAsync(
        Action<HubOptions> probe, Action<HubOptions>? echo = null, InMemoryCluster? cluster = null, Action<IServiceCollection>? services = null) => AppNode.StartAsync(
        cluster,
        build: sockets =>
        {
            sockets.AddHub<ProbeHandler>(probe).AddHub("echo", echo);
            services?.Invoke(sockets.Services);
        },
        map: static app => app.MapDistributedWebSocket("/echo", static (connection, message, _, token) => connection.SendAsync(message, token), "echo"));
}
