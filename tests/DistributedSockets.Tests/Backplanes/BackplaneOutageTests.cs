using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What an app and its clients see while the backplane is away, when it is back, and when it loses something.</summary>
public sealed class BackplaneOutageTests
{
    private readonly InMemoryCluster _cluster = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_BackplaneAway_ServesThisNodeAndThrows()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync("u");
        Cut(backplane);

        var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToAllAsync("all", Cancellation));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendAsync(WebSocketTarget.Users(["u", "v"]), "users", Cancellation));
        await node.Router.SendToConnectionAsync(client.Id, "own connection: no backplane needed", Cancellation);

        Assert.Contains("this node were served", exception.Message);
        Assert.Equal("all", await client.ReceiveTextAsync());
        Assert.Equal("users", await client.ReceiveTextAsync());
        Assert.Equal("own connection: no backplane needed", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Connect_BackplaneAway_IsAcceptedAndReachableFromElsewhereLater()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        Cut(backplane);

        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToGroupAsync("g", "served here", Cancellation));
        Assert.Equal("served here", await client.ReceiveTextAsync());
        Restore(backplane);
        var subscriptions = node.Services.GetRequiredService<ChannelSubscriptions>();
        await Eventually.TrueAsync(
            () => subscriptions.IsSubscribed(node.Hub.UserChannel("u")) && subscriptions.IsSubscribed(node.Hub.GroupChannel("g")),
            "the user's and the group's channels are subscribed");
        await other.Router.SendToUserAsync("u", "user", Cancellation);
        await other.Router.SendToGroupAsync("g", "group", Cancellation);

        Assert.Equal("user", await client.ReceiveTextAsync());
        Assert.Equal("group", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Reconciler_ListenerOfTheMetricsThrows_ChannelsAreSubscribedAllTheSame()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        var losses = node.Services.GetRequiredService<LossReporter>();
        using var listener = new ThrowingListener(node, "distributed_sockets.possible_losses");
        losses.Report(PossibleLossCause.Transport, "told at once");
        losses.Report(PossibleLossCause.Transport, "held back for the loop that looks after channels");
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Count(record => record.Id.Id == 150) == 2, "that loop has told it");

        backplane.Failure = new InvalidOperationException("no subscription now");
        await using var client = await node.ConnectAsync("u");
        var tried = backplane.Count($"subscribe {node.Hub.UserChannel("u")}");
        backplane.Failure = null;

        await Eventually.TrueAsync(() => backplane.Count($"subscribe {node.Hub.UserChannel("u")}") > tried, "the channel is subscribed");
    }

    [Fact]
    public async Task Outage_ClientComesAndGoesInManyGroups_NothingStays()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var client = await node.ConnectAsync();
        var subscriptions = node.Services.GetRequiredService<ChannelSubscriptions>();
        var before = subscriptions.Count;
        Cut(backplane);

        for (var i = 0; i < 1_000; i++)
        {
            await node.Router.AddToGroupAsync(client.Id, $"room-{i}", Cancellation);
            await node.Router.RemoveFromGroupAsync(client.Id, $"room-{i}", Cancellation);
        }

        Assert.Equal(before, subscriptions.Count);
    }

    [Fact]
    public async Task Join_BackplaneFailsWithoutBeingKnownToBeAway_HoldsHereAtOnceAndInTheClusterLater()
    {
        var losses = new LossObserver();
        var (node, backplane) = await StartAsync(sockets => sockets.Services.AddSingleton<IClusterObserver>(losses));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        node.Probe.OnConnected = connection => node.Router.AddToGroupAsync(connection.Id, "lobby", Cancellation);
        var before = DateTimeOffset.UtcNow;
        backplane.Failure = new IOException("cut");

        await using var client = await node.ConnectAsync("u"); // the handler's join does not fail, and the connection opens
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToGroupAsync("lobby", "from here", Cancellation));
        Assert.Equal("from here", await client.ReceiveTextAsync());

        backplane.Failure = null;
        await Eventually.TrueAsync(() => losses.Seen.Any(static loss => loss.Description.Contains("late", StringComparison.Ordinal)), "the late channels are reported");
        Assert.All(losses.Seen, loss => Assert.True(loss.Cause == PossibleLossCause.BackplaneReconnected && loss.From >= before && loss.To >= loss.From, $"{loss}"));
        var received = client.ReceiveTextAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                await other.Router.SendToGroupAsync("lobby", "from elsewhere", Cancellation);
                return received.IsCompleted;
            },
            "the group is reached from elsewhere");
        Assert.Equal("from elsewhere", await received);
    }

    [Fact]
    public async Task Join_NotAnsweredInTime_HoldsHereAndInTheClusterWhenTheAnswerComes()
    {
        var time = new FakeTimeProvider(); // which lets the channels of the connection itself come in time, however busy the machine is
        var (node, backplane) = await StartAsync(
            sockets => sockets.Services.AddSingleton<TimeProvider>(time),
            static options => options.KeepAliveInterval = options.KeepAliveTimeout = TimeSpan.FromHours(1));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync("u");
        var gate = backplane.SubscribeGate = new();

        var join = node.Router.AddToGroupAsync(client.Id, "lobby", Cancellation).AsTask();
        await AdvanceUntilAsync(() => join.IsCompleted, "the join is not waited for any more");
        await join;

        Assert.Single(node.Hub.Group("lobby"));
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id == 150);
        gate.SetResult();
        await AdvanceUntilAsync(() => node.Logs.GetSnapshot().Any(static record => record.Id.Id == 150), "the late channel is reported");
        await other.Router.SendToGroupAsync("lobby", "from elsewhere", Cancellation);
        Assert.Equal("from elsewhere", await client.ReceiveTextAsync());

        Task AdvanceUntilAsync(Func<bool> condition, string expectation) => Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return condition();
            },
            expectation);
    }

    [Fact]
    public async Task Outage_Ended_IsReportedWithItsIntervalAndHealthFollows()
    {
        var losses = new LossObserver();
        var (node, backplane) = await StartAsync(sockets =>
        {
            sockets.Services.AddSingleton<IClusterObserver>(losses);
            sockets.Services.AddHealthChecks().AddDistributedWebSockets();
        });
        await using var _ = node;
        var health = node.Services.GetRequiredService<HealthCheckService>();
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Cancellation)).Status);
        var before = DateTimeOffset.UtcNow;

        Cut(backplane);
        Assert.Equal(HealthStatus.Degraded, (await health.CheckHealthAsync(Cancellation)).Status);
        backplane.Receiver.OnUnavailable(new IOException("Nobody answers."));
        var entry = (await health.CheckHealthAsync(Cancellation)).Entries.Single().Value;
        Assert.Equal("The backplane is away; only connections of this node are reached. Nobody answers.", entry.Description);
        Restore(backplane);

        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Cancellation)).Status);
        await Eventually.TrueAsync(() => losses.Seen.Count == 1, "the loss is reported");
        var loss = losses.Seen.Single();
        Assert.Equal(PossibleLossCause.BackplaneReconnected, loss.Cause);
        Assert.True(loss.From <= before && loss.To >= before, $"{loss} does not cover {before:O}.");
    }

    [Fact]
    public async Task PartOfTheBackplaneAway_ChannelsOfOthers_AreSubscribedAndSendsOfOthersWork()
    {
        var losses = new LossObserver();
        var (node, backplane) = await StartAsync(sockets =>
        {
            sockets.Services.AddSingleton<IClusterObserver>(losses);
            sockets.Services.AddHealthChecks().AddDistributedWebSockets();
        });
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        var health = node.Services.GetRequiredService<HealthCheckService>();

        backplane.FailureOf = channel => channel.EndsWith("lost", StringComparison.Ordinal) ? new IOException("server 2 of 2") : null;
        backplane.Receiver.OnPartlyUnavailable(new IOException("Server 2 of 2 does not answer."));
        await using var client = await node.ConnectAsync("kept");
        await using var unheard = await node.ConnectAsync("lost");
        await node.Router.AddToGroupAsync(unheard.Id, "group lost", Cancellation);
        await other.Router.SendToUserAsync("kept", "one", Cancellation);
        Assert.Equal("one", await client.ReceiveTextAsync());
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToUserAsync("lost", "served here", Cancellation));
        Assert.Equal("served here", await unheard.ReceiveTextAsync());
        var entry = (await health.CheckHealthAsync(Cancellation)).Entries.Single().Value;
        Assert.Equal(HealthStatus.Degraded, entry.Status);
        Assert.Equal("A part of the backplane is away; what goes by it reaches this node only. Server 2 of 2 does not answer.", entry.Description);
        Assert.True((bool)entry.Data["backplanePartlyAway"]);
        Assert.False((bool)entry.Data["backplaneAway"]);

        backplane.FailureOf = null;
        backplane.Receiver.OnAvailable();
        await Eventually.TrueAsync(
            () => losses.Seen.Any(loss =>
                loss.Cause == PossibleLossCause.BackplaneReconnected && loss.Description.Contains("Server 2 of 2 does not answer.", StringComparison.Ordinal)),
            "the loss of the part is reported");
        await Eventually.TrueAsync(
            () => backplane.Count($"subscribe {node.Hub.GroupChannel("group lost")}") > 1 && backplane.Count($"subscribe {node.Hub.UserChannel("lost")}") > 1,
            "the channels of the part that was away are subscribed");
        await other.Router.SendToUserAsync("lost", "two", Cancellation);
        Assert.Equal("two", await unheard.ReceiveTextAsync());
        Assert.Equal(HealthStatus.Healthy, (await health.CheckHealthAsync(Cancellation)).Status);
    }

    [Fact]
    public async Task BackplaneAway_PartBack_ItsChannelsAreSubscribedAndTheLossCoversTheWholeOutage()
    {
        var losses = new LossObserver();
        var (node, backplane) = await StartAsync(sockets => sockets.Services.AddSingleton<IClusterObserver>(losses));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        var before = DateTimeOffset.UtcNow;
        Cut(backplane);
        await using var client = await node.ConnectAsync("kept");

        backplane.Failure = null;
        backplane.FailureOf = channel => channel.EndsWith("lost", StringComparison.Ordinal) ? new IOException("server 2 of 2") : null;
        backplane.Receiver.OnPartlyUnavailable(null);
        var subscriptions = node.Services.GetRequiredService<ChannelSubscriptions>();
        await Eventually.TrueAsync(() => subscriptions.IsSubscribed(node.Hub.UserChannel("kept")), "the channel is subscribed");
        await other.Router.SendToUserAsync("kept", "one", Cancellation);
        Assert.Equal("one", await client.ReceiveTextAsync());
        Assert.DoesNotContain(losses.Seen, loss => loss is { Cause: PossibleLossCause.BackplaneReconnected, Description: var text } && text.Contains("was away", StringComparison.Ordinal));
        backplane.Receiver.OnAvailable();

        await Eventually.TrueAsync(() => losses.Seen.Any(loss => loss.Description.Contains("was away", StringComparison.Ordinal) && loss.From <= before), "the whole outage is reported");
    }

    [Fact]
    public async Task Outage_ToldAfterTheTransportDeliversAgain_IsReportedFromTheLastMessageBeforeIt()
    {
        var losses = new LossObserver();
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        var (node, backplane) = await StartAsync(sockets =>
        {
            sockets.Services.AddSingleton<IClusterObserver>(losses);
            sockets.Services.AddSingleton<TimeProvider>(time);
        });
        await using var _ = node;
        backplane.Receiver.OnReceived(node.Hub.AllChannel, new byte[] { 1 });
        var before = time.GetUtcNow();

        time.Advance(TimeSpan.FromSeconds(3));
        backplane.Receiver.OnReceived(node.Hub.AllChannel, new byte[] { 1 });
        time.Advance(TimeSpan.FromMilliseconds(100));
        backplane.Receiver.OnReceived(node.Hub.AllChannel, new byte[] { 1 });
        backplane.Receiver.OnUnavailable(null);
        backplane.Receiver.OnAvailable();

        await Eventually.TrueAsync(() => losses.Seen.Any(static loss => loss.Cause == PossibleLossCause.BackplaneReconnected), "the loss is reported");
        Assert.Equal(before, losses.Seen.Single(static loss => loss.Cause == PossibleLossCause.BackplaneReconnected).From);
    }

    [Fact]
    public async Task Envelope_Unreadable_IsCountedReportedAndHarmsNothing()
    {
        var losses = new LossObserver();
        var (node, backplane) = await StartAsync(sockets => sockets.Services.AddSingleton<IClusterObserver>(losses));
        await using var _ = node;
        await using var client = await node.ConnectAsync();

        backplane.Receiver.OnReceived(node.Hub.AllChannel, new byte[] { 1, 2, 3 });
        backplane.Receiver.OnReceived(node.Hub.AllChannel, default);
        backplane.Receiver.OnReceived("nonsense", new byte[] { 1, 1, 0, 0, 1, (byte)'x', 0 });
        backplane.Receiver.OnReceived(node.Hub.AllChannel, new byte[] { 1, 1, 0, 0, 1, (byte)'x', 0 });
        backplane.Receiver.OnPossibleLoss("told by the transport");
        backplane.Receiver.OnPossibleLoss("told by the transport later", DateTimeOffset.UnixEpoch);

        await Eventually.TrueAsync(() => losses.Seen.Any(loss => loss.Cause == PossibleLossCause.UnreadableEnvelope), "the envelope is reported");
        await Eventually.TrueAsync(() => losses.Seen.Any(loss => loss.Cause == PossibleLossCause.Transport && loss.From == DateTimeOffset.UnixEpoch), "the transport's report is passed on");
        await node.Router.SendToAllAsync("fine", Cancellation);
        Assert.Equal("fine", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Command_NoAnswer_TimesOut()
    {
        var (node, backplane) = await StartAsync(options: options => options.RemoteCommandTimeout = TimeSpan.FromMilliseconds(100));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await other.ConnectAsync();
        backplane.Swallow = true;

        var exception = await Assert.ThrowsAsync<RemoteCommandTimeoutException>(async () => await node.Router.AddToGroupAsync(client.Id, "g", Cancellation));

        Assert.Contains("00:00:00.1", exception.Message);
    }

    [Fact]
    public async Task Command_TransportThatCannotCountReceivers_LearnsFromTheStoreThatTheNodeIsGone()
    {
        var (node, backplane) = await StartAsync(options: options => options.RemoteCommandTimeout = TimeSpan.FromMinutes(5));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        backplane.Swallow = true;

        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await node.Router.AddToGroupAsync("gone-node.AAAA", "g", Cancellation).AsTask().WithinGuardAsync());
    }

    [Fact]
    public async Task Command_NodeWithoutLeaseThatAnswers_IsBelieved()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        await using var third = await AppNode.StartAsync(_cluster);
        await using var lapsed = await AppNode.StartAsync(_cluster, options =>
        {
            options.HeartbeatInterval = TimeSpan.FromMinutes(5);
            options.LeaseExpiry = TimeSpan.FromHours(1);
        });
        await using var client = await lapsed.ConnectAsync();
        await node.Store.RemoveNodeAsync(lapsed.Services.GetRequiredService<NodeInfo>().NodeId, Cancellation);
        backplane.HidesReceivers = true;

        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);

        Assert.Single(lapsed.Hub.Group("g"));
    }

    [Fact]
    public async Task Command_TransportThatCannotCountReceiversAndStoreOfThisNodeAlone_ReachesTheConnection()
    {
        var (node, backplane) = await StartAsync(build: sockets => sockets.UseSessionStore(_ => new InMemorySessionStore(new(), Microsoft.Extensions.Options.Options.Create(new DistributedWebSocketsClusterOptions()))));
        await using var _ = node;
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await other.ConnectAsync();
        backplane.HidesReceivers = true;

        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);

        Assert.Single(other.Hub.Group("g"));
    }

    [Fact]
    public async Task Command_BackplaneAwayHere_SaysSoAndAJoinThereHoldsThere()
    {
        var (node, backplane) = await StartAsync();
        await using var _ = node;
        var (other, others) = await StartAsync();
        await using var __ = other;
        await using var client = await other.ConnectAsync();
        await node.Router.RemoveFromGroupAsync(client.Id, "warm up", Cancellation);

        others.SubscribeGate = new();
        others.SubscribeGate.SetException(new BackplaneUnavailableException());
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        Assert.Single(other.Hub.Group("g"));

        Cut(backplane);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.AddToGroupAsync(client.Id, "g", Cancellation));
    }

    private static void Cut(FakeBackplane backplane)
    {
        backplane.Failure = new IOException("cut");
        backplane.Receiver.OnUnavailable(backplane.Failure);
    }

    private static void Restore(FakeBackplane backplane)
    {
        backplane.Failure = null;
        backplane.Receiver.OnAvailable();
    }

    private async Task<(AppNode Node, FakeBackplane Backplane)> StartAsync(
        Action<IDistributedWebSocketsBuilder>? build = null, Action<DistributedWebSocketsOptions>? options = null)
    {
        var backplane = new FakeBackplane(_cluster);
        var node = await AppNode.StartAsync(_cluster, options, sockets =>
        {
            sockets.UseBackplane(_ => backplane);
            build?.Invoke(sockets);
        });
        return (node, backplane);
    }
}
