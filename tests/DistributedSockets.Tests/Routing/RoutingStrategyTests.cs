using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

/// <summary>What the strategies name, what they cost, and nodes that do not agree.</summary>
public sealed class RoutingStrategyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Interest_EveryName_HasAChannelOfItsOwn()
    {
        var hub = new HubConnections("chat", "p", "node-a", RoutingStrategy.Interest, new SessionChanges(16, 65_536), new());

        Assert.Equal("p:v1:chat:user:alice", hub.UserChannel("alice"));
        Assert.Equal("p:v1:chat:group:alice", hub.GroupChannel("alice"));
    }

    [Fact]
    public void Broadcast_EveryName_IsTheChannelOfEveryoneAndAllocatesNothing()
    {
        var hub = new HubConnections("chat", "p", "node-a", RoutingStrategy.Broadcast, new SessionChanges(16, 65_536), new());
        Assert.Same(hub.UserChannel("alice"), hub.GroupChannel("red"));
        Assert.Equal(hub.AllChannel, hub.UserChannel("alice"));

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            hub.UserChannel("alice");
            hub.GroupChannel("red");
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }

    [Fact]
    public async Task Broadcast_UsersAndGroups_SubscribeNothingMore()
    {
        var cluster = new InMemoryCluster();
        FakeBackplane? backplane = null;
        await using var node = await AppNode.StartAsync(
            build: sockets => sockets.ConfigureCluster(common => common.Routing = RoutingStrategy.Broadcast).UseBackplane(_ => backplane = new(cluster)));
        await using var first = await node.ConnectAsync("alice");
        var calls = backplane!.Calls.Where(static call => call.StartsWith("subscribe", StringComparison.Ordinal)).Order().ToArray(); // set when the node started
        await using var second = await node.ConnectAsync("bob");
        for (var i = 0; i < 20; i++)
        {
            await node.Router.AddToGroupAsync(second.Id, $"g{i}", Cancellation);
        }

        Assert.Equal([$"subscribe {node.Hub.AllChannel}", $"subscribe {node.Hub.OwnChannel}"], calls);
        Assert.Equal(2, backplane.Calls.Count(static call => call.StartsWith("subscribe", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Broadcast_UserAndGroupAndAll_ArriveInTheOrderSent()
    {
        var cluster = new InMemoryCluster();
        await using var here = await StartAsync(cluster, RoutingStrategy.Broadcast);
        await using var there = await StartAsync(cluster, RoutingStrategy.Broadcast);
        await using var client = await there.ConnectAsync("alice");
        await here.Router.AddToGroupAsync(client.Id, "red", Cancellation);

        for (var i = 0; i < 300; i++)
        {
            var target = (i % 3) switch { 0 => WebSocketTarget.User("alice"), 1 => WebSocketTarget.Group("red"), _ => WebSocketTarget.All };
            await here.Router.SendAsync(target, WebSocketMessage.Text($"{i}"), Cancellation);
        }

        for (var i = 0; i < 300; i++)
        {
            Assert.Equal($"{i}", await client.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task Broadcast_Sealed_ReachesUsersAndGroups()
    {
        var (cluster, key) = (new InMemoryCluster(), TestKeys.Create());
        await using var here = await AppNode.StartAsync(cluster, Sealed, Broadcast);
        await using var there = await AppNode.StartAsync(cluster, Sealed, Broadcast);
        await using var client = await there.ConnectAsync("alice");
        await here.Router.AddToGroupAsync(client.Id, "red", Cancellation);

        await here.Router.SendToUserAsync("alice", "to the user", Cancellation);
        await here.Router.SendAsync(WebSocketTarget.Groups(["red", "blue"]), "to the group", Cancellation);

        Assert.Equal("to the user", await client.ReceiveTextAsync());
        Assert.Equal("to the group", await client.ReceiveTextAsync());

        void Sealed(DistributedWebSocketsOptions options) => options.EnvelopeKeys.Add(key);

        static void Broadcast(IDistributedWebSocketsBuilder sockets) => sockets.ConfigureCluster(common => common.Routing = RoutingStrategy.Broadcast);
    }

    [Fact]
    public async Task Dispatch_ForNobodyHere_AllocatesNothing()
    {
        await using var node = await StartAsync(new(), RoutingStrategy.Broadcast);
        await using var client = await node.ConnectAsync("alice");
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("hello"));
        var envelope = new EnvelopeWriter("other-node").WriteFrame(WebSocketTargetKind.Users, ["bob"], [], Guid.Empty, frame, out var length);
        var dispatcher = node.Services.GetRequiredService<EnvelopeDispatcher>();
        var served = new DeliveredMessages(TimeProvider.System);
        Assert.True(TryDispatch());

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 1_000; i++)
        {
            TryDispatch();
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        bool TryDispatch() => Envelope.Read(envelope.AsMemory(0, length), EnvelopeKnowledge.Current, out var read) == EnvelopeVerdict.Taken && dispatcher.TryDispatch(node.Hub, read, TimeProvider.System.GetTimestamp(), served);
    }

    [Fact]
    public async Task Strategy_ThatThereIsNot_StopsTheStart()
    {
        var exception = await Assert.ThrowsAsync<Microsoft.Extensions.Options.OptionsValidationException>(() => StartAsync(new(), (RoutingStrategy)7));

        Assert.Contains("Routing is 7. Set it to Interest or Broadcast.", exception.Message);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Nodes_ThatRouteDifferently_NoticeAndSayWhenItIsOver(bool observed)
    {
        var time = new FakeTimeProvider();
        var cluster = new InMemoryCluster(time);
        await using var first = await StartAsync(cluster, RoutingStrategy.Interest, Configure);
        Assert.Equal(HealthStatus.Healthy, (await HealthAsync(first)).Status);

        var builder = Host.CreateEmptyApplicationBuilder(new()); // a worker, on which nobody set what the nodes have
        var sockets = builder.Services.AddDistributedWebSockets().UseInMemory(cluster).ConfigureCluster(common => common.Routing = RoutingStrategy.Broadcast);
        builder.Services.AddSingleton<TimeProvider>(time).AddHealthChecks().AddDistributedWebSockets();
        using (var worker = builder.Build())
        {
            await worker.StartAsync(Cancellation);
            var report = await worker.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
            Assert.Equal(HealthStatus.Degraded, report.Status); // at once: it saw who was there before

            await Eventually.TrueAsync(
                async () =>
                {
                    time.Advance(TimeSpan.FromSeconds(5));
                    return (await HealthAsync(first)).Status == HealthStatus.Degraded;
                },
                "the node that was there first has noticed");
            var entry = Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 194);
            Assert.Equal(LogLevel.Error, entry.Level);
            Assert.Contains($"{worker.Services.GetRequiredService<NodeInfo>().NodeId} with broadcast where this one has interest", entry.Message);
            Assert.Contains("ClusterOptions.Routing", (await HealthAsync(first)).Entries.Single().Value.Description);
            await worker.StopAsync(Cancellation);
        }

        await Eventually.TrueAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromSeconds(5));
                return (await HealthAsync(first)).Status == HealthStatus.Healthy;
            },
            "the node has noticed that the other is gone");
        Assert.Single(first.Logs.GetSnapshot(), static entry => entry.Id.Id == 195);

        void Configure(IDistributedWebSocketsBuilder builder)
        {
            builder.Services.AddSingleton<TimeProvider>(time).AddHealthChecks().AddDistributedWebSockets();
            if (observed)
            {
                builder.AddClusterObserver<LossObserver>();
            }
        }
    }

    [Fact]
    public async Task Compare_NodesThatTellNothingOrHostileThings_AreTakenAsTheyAre()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets();
        await using var provider = services.BuildServiceProvider();
        var (own, health, agreement) = (provider.GetRequiredService<LocalNode>(), provider.GetRequiredService<NodeHealth>(), provider.GetRequiredService<ClusterAgreement>());
        provider.GetRequiredService<Hubs>().Get("chat").IsServed = true;
        var silent = new NodeInfo { NodeId = "old-1", Name = "old", StartedAt = default };
        agreement.Compare([own.Info, silent]);
        Assert.Null(health.AgreementProblem);

        agreement.Compare([agreement.Own, silent with { NodeId = "x\nforged", Routing = "y\nforged", Backplane = "z\nforged", Sealing = "forged", Presence = "chat=forged" }]);
        Assert.NotNull(health.AgreementProblem);
        Assert.DoesNotContain("forged", health.AgreementProblem);
        Assert.All(["other channels", "another backplane", "seal envelopes differently", "another presence"], text => Assert.Contains(text, health.AgreementProblem));
    }

    private static Task<AppNode> StartAsync(InMemoryCluster cluster, RoutingStrategy routing, Action<IDistributedWebSocketsBuilder>? build = null) =>
        AppNode.StartAsync(cluster, options => options.Lanes = 1, sockets =>
        {
            sockets.ConfigureCluster(common => common.Routing = routing);
            build?.Invoke(sockets);
        });

    private static Task<HealthReport> HealthAsync(AppNode node) => node.Services.GetRequiredService<HealthCheckService>().CheckHealthAsync(Cancellation);
}
