using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>The node of a connection says whether it has queued a message.</summary>
public sealed class SendConfirmedTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Send_HereOrThere_IsQueuedInOrderOrNotFound(bool transportCounts)
    {
        var backplane = new FakeBackplane(_cluster) { HidesReceivers = !transportCounts };
        await using var here = await AppNode.StartAsync(_cluster, build: sockets => sockets.UseBackplane(_ => backplane));
        await using var there = await AppNode.StartAsync(_cluster);
        await using var near = await here.ConnectAsync();
        await using var far = await there.ConnectAsync();
        foreach (var client in (TestClient[])[near, far])
        {
            for (var i = 0; i < 5; i++)
            {
                Assert.Equal(ConfirmedSendOutcome.Queued, await here.Router.SendConfirmedAsync(client.Id, WebSocketMessage.Text($"confirmed {i}"), default, Cancellation));
                await here.Router.SendToConnectionAsync(client.Id, $"plain {i}", Cancellation);
            }

            for (var i = 0; i < 5; i++)
            {
                Assert.Equal($"confirmed {i}", await client.ReceiveTextAsync());
                Assert.Equal($"plain {i}", await client.ReceiveTextAsync());
            }
        }

        foreach (var unknown in (string[])[$"{near.Id[..^1]}x", $"{far.Id[..^1]}x", "gone-node.AAAAAAAAAAAAAAAAAAAAAA", "nonsense"])
        {
            Assert.Equal(ConfirmedSendOutcome.NotFound, await here.Router.SendConfirmedAsync(unknown, WebSocketMessage.Text("x"), default, Cancellation));
        }
    }

    [Fact]
    public async Task Send_FromWorkerWithoutSockets_HearsTheAnswer()
    {
        await using var node = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync();
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets().UseInMemory(_cluster);
        using var worker = builder.Build();
        await worker.StartAsync(Cancellation);
        var router = worker.Services.GetRequiredService<IWebSocketRouter<ProbeHandler>>();

        Assert.Equal(ConfirmedSendOutcome.Queued, await router.SendConfirmedAsync(client.Id, WebSocketMessage.Text("hello"), default, Cancellation));
        Assert.Equal("hello", await client.ReceiveTextAsync());
        Assert.Equal(ConfirmedSendOutcome.Queued, await router.SendConfirmedAsync(client.Id, new SendSuite.Alert("x", 1), cancellationToken: Cancellation));
        Assert.Equal("""{"title":"x","level":1}""", await client.ReceiveTextAsync());
        await worker.StopAsync(Cancellation);
    }

    [Theory]
    [InlineData(true, SlowConsumerPolicy.DropNewest, ConfirmedSendOutcome.Dropped)]
    [InlineData(false, SlowConsumerPolicy.DropNewest, ConfirmedSendOutcome.Dropped)]
    [InlineData(false, SlowConsumerPolicy.Close, ConfirmedSendOutcome.NotFound)] // as it ends for that
    public async Task Send_QueueIsFull_SaysWhatBecameOfIt(bool local, SlowConsumerPolicy policy, ConfirmedSendOutcome expected)
    {
        await using var here = await AppNode.StartAsync(_cluster, Small);
        await using var there = await AppNode.StartAsync(_cluster, Small);
        await using var client = await (local ? here : there).ConnectAsync();
        var large = WebSocketMessage.Binary(new byte[8 * 1024 * 1024]); // which no kernel takes twice
        var outcomes = new List<ConfirmedSendOutcome>();
        while (outcomes.Count < 4 && outcomes.All(static outcome => outcome == ConfirmedSendOutcome.Queued))
        {
            outcomes.Add(await here.Router.SendConfirmedAsync(client.Id, large, default, Cancellation));
        }

        Assert.InRange(outcomes.Count, 2, 3);
        Assert.Equal(expected, outcomes[^1]);

        void Small(DistributedWebSocketsOptions options)
        {
            options.OutboundQueueFrames = 1;
            options.SlowConsumerPolicy = policy;
        }
    }

    [Fact]
    public async Task Send_NodeDoesNotAnswer_SaysSoAndNotThatNobodyIsThere()
    {
        var time = new FakeTimeProvider();
        var backplane = new FakeBackplane(_cluster);
        await using var here = await AppNode.StartAsync(
            _cluster, build: sockets => sockets.UseBackplane(_ => backplane).Services.AddSingleton<TimeProvider>(time));
        await using var there = await AppNode.StartAsync(_cluster);
        await using var client = await there.ConnectAsync();
        Assert.Equal(ConfirmedSendOutcome.Queued, await here.Router.SendConfirmedAsync(client.Id, WebSocketMessage.Text("first"), default, Cancellation));
        backplane.Swallow = true;
        var published = backplane.Calls.Count;

        var sent = here.Router.SendConfirmedAsync(client.Id, WebSocketMessage.Text("lost"), default, Cancellation).AsTask();
        await Eventually.TrueAsync(() => backplane.Calls.Count > published, "it is published");
        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return sent.IsCompleted;
            },
            "it gives up");

        Assert.Equal(ConfirmedSendOutcome.NoAnswer, await sent);
    }

    [Fact]
    public async Task Send_BackplaneAway_ThrowsForOtherNodesOnly()
    {
        var backplane = new FakeBackplane(_cluster);
        await using var here = await AppNode.StartAsync(_cluster, build: sockets => sockets.UseBackplane(_ => backplane));
        await using var there = await AppNode.StartAsync(_cluster);
        await using var near = await here.ConnectAsync();
        await using var far = await there.ConnectAsync();
        Assert.Equal(ConfirmedSendOutcome.Queued, await here.Router.SendConfirmedAsync(far.Id, WebSocketMessage.Text("first"), default, Cancellation));
        backplane.Failure = new BackplaneUnavailableException("away");

        var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(
            async () => await here.Router.SendConfirmedAsync(far.Id, WebSocketMessage.Text("x"), default, Cancellation));
        Assert.Equal(0, exception.QueuedHere);
        Assert.Equal(ConfirmedSendOutcome.Queued, await here.Router.SendConfirmedAsync(near.Id, WebSocketMessage.Text("x"), default, Cancellation));
    }

    [Fact]
    public async Task Send_BadInput_IsRefused()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        var excluded = await Assert.ThrowsAsync<ArgumentException>(async () => await node.Router.SendConfirmedAsync(
            client.Id, WebSocketMessage.Text("x"), new() { ExcludedConnectionIds = [client.Id] }, Cancellation));
        Assert.Contains("can exclude none", excluded.Message);
        await Assert.ThrowsAsync<ArgumentException>(async () => await node.Router.SendConfirmedAsync("", WebSocketMessage.Text("x"), default, Cancellation));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await node.Router.SendConfirmedAsync(client.Id, WebSocketMessage.Text("x"), default, new(canceled: true)));
    }
}
