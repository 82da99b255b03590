using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Tests;

/// <summary>Handlers that send while the backplane is away, and do not catch what the send throws: also in the first moment, when nobody knows it yet.</summary>
public sealed class SendFailureTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OnMessage_SendNotTaken_IsLoggedOnceCountedAndTheConnectionGoesOn(bool isKnown)
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        using var failures = new MetricSum(node, "distributed_sockets.uncaught_send_failures");
        using var errors = new MetricSum(node, "distributed_sockets.handler_errors");
        await using var sender = await node.ConnectAsync();
        await using var receiver = await node.ConnectAsync();
        node.Probe.OnMessage = (_, message, token) => node.Router.SendToAllAsync(message, token);
        Cut(backplane, isKnown);

        for (var i = 0; i < 3; i++)
        {
            await sender.SendAsync($"message {i}");
            Assert.Equal($"message {i}", await sender.ReceiveTextAsync());
            Assert.Equal($"message {i}", await receiver.ReceiveTextAsync());
        }

        await Eventually.TrueAsync(() => failures.Value == 3, "each is counted");
        Assert.Equal(0, errors.Value);
        var logged = Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 114);
        Assert.Equal(LogLevel.Warning, logged.Level);
        Assert.Contains(sender.Id, logged.Message);
        Assert.IsType<BackplaneUnavailableException>(logged.Exception);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Error);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task OnConnected_SendNotTaken_NewcomersStay(bool isKnown)
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        node.Probe.OnConnected = _ => node.Router.SendToAllAsync("somebody came", Cancellation);
        Cut(backplane, isKnown);

        await using var first = await TestClient.ConnectAsync(node.Address, "/chat", readId: false);
        Assert.Equal("somebody came", await first.ReceiveTextAsync());
        await using var second = await TestClient.ConnectAsync(node.Address, "/chat", readId: false);

        Assert.Equal("somebody came", await first.ReceiveTextAsync());
        Assert.Equal("somebody came", await second.ReceiveTextAsync());
        await second.SendAsync("echo");
        Assert.Equal("echo", await second.ReceiveTextAsync());
    }

    [Fact]
    public async Task Lambda_SendNotTaken_ConnectionGoesOn()
    {
        var backplane = new FakeBackplane(_cluster);
        await using var node = await AppNode.StartAsync(_cluster, build: sockets => sockets.UseBackplane(_ => backplane), map: app => app.MapDistributedWebSocket(
            "/lambda", static (_, message, router, token) => router.SendToAllAsync(message, token)));
        await using var client = await TestClient.ConnectAsync(node.Address, "/lambda", readId: false);
        Cut(backplane);

        for (var i = 0; i < 2; i++)
        {
            await client.SendAsync("again");
            Assert.Equal("again", await client.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task OnDisconnected_SendNotTaken_IsNoErrorOfTheHandler()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        using var failures = new MetricSum(node, "distributed_sockets.uncaught_send_failures");
        await using var other = await node.ConnectAsync();
        var client = await node.ConnectAsync();
        node.Probe.OnDisconnected = (_, _) => node.Router.SendToAllAsync("somebody left", Cancellation);
        Cut(backplane);

        await client.DisposeAsync();

        Assert.Equal("somebody left", await other.ReceiveTextAsync());
        await Eventually.TrueAsync(() => failures.Value == 1, "it is counted");
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 103);
    }

    [Fact]
    public async Task OnMessage_SendRefusedByTheTransport_ConnectionGoesOn()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync();
        node.Probe.OnMessage = (_, message, token) => node.Router.SendToAllAsync(message, token);
        backplane.Failure = new BackplaneRefusedException("no permission");

        await client.SendAsync("one");
        Assert.Equal("one", await client.ReceiveTextAsync());
        await client.SendAsync("two");

        Assert.Equal("two", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(true, 1013)]
    [InlineData(false, 1011)]
    public async Task CloseOnSendFailure_SendNotTaken_ClosesAsForAnyOtherException(bool inOnConnected, int status)
    {
        var (node, backplane) = await StartAsync(static options => options.CloseOnSendFailure = true);
        await using var _ = node;
        Cut(backplane);
        if (inOnConnected)
        {
            node.Probe.OnConnected = connection => node.Router.SendToAllAsync("x", Cancellation);
        }

        node.Probe.OnMessage = (_, message, token) => node.Router.SendToAllAsync(message, token);
        await using var client = await TestClient.ConnectAsync(node.Address, "/chat", readId: false);
        await client.ReceiveTextAsync(); // its id, or what OnConnectedAsync has sent
        if (!inOnConnected)
        {
            await client.SendAsync("x");
            await client.ReceiveTextAsync();
        }

        Assert.Equal((WebSocketCloseStatus)status, (await client.ReceiveCloseAsync()).Status);
        Assert.Single(node.Logs.GetSnapshot(), static record => record.Id.Id == 102);
    }

    [Theory]
    [InlineData(true, 1013)]
    [InlineData(false, 1011)]
    public async Task Join_OfAConnectionElsewhereNotDone_IsNotForgiven(bool inOnConnected, int status)
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        await using var elsewhere = await other.ConnectAsync();
        await using var client = inOnConnected ? null : await node.ConnectAsync();
        node.Probe.OnConnected = _ => node.Router.AddToGroupAsync(elsewhere.Id, "g", Cancellation);
        node.Probe.OnMessage = (_, _, token) => node.Router.AddToGroupAsync(elsewhere.Id, "g", token);
        Cut(backplane);

        await using var newcomer = client ?? await TestClient.ConnectAsync(node.Address, "/chat", readId: false);
        if (!inOnConnected)
        {
            await newcomer.SendAsync("join");
        }

        Assert.Equal((WebSocketCloseStatus)status, (await newcomer.ReceiveCloseAsync()).Status);
        Assert.Empty(other.Hub.Group("g"));
    }

    private static void Cut(FakeBackplane backplane, bool isKnown = true)
    {
        backplane.Failure = new IOException("cut");
        if (isKnown)
        {
            backplane.Receiver.OnUnavailable(backplane.Failure);
        }
    }

    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync(Action<DistributedWebSocketsOptions>? options = null)
    {
        var backplane = new FakeBackplane(_cluster);
        return (await AppNode.StartAsync(_cluster, options, sockets => sockets.UseBackplane(_ => backplane)), backplane);
    }
}
