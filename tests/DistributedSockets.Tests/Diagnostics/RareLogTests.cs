using System.Diagnostics.Metrics;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>What others can cause at will is logged once in a while, not each time.</summary>
public sealed class RareLogTests
{
    private const int Flood = 6_000;

    private static readonly EnvelopeWriter s_foreign = new("foreign-node");

    [Fact]
    public void TryPass_ManyWithinAMinute_LetsTheBurstThroughAndCountsTheRest()
    {
        var time = new FakeTimeProvider();
        var log = new RareLog(2, time);

        Assert.Equal([(true, 0), (true, 0), (false, 1), (false, 2)], Pass(4));
        time.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal([(false, 3)], Pass(1));
        time.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal([(true, 3), (true, 0), (false, 1)], Pass(3));

        (bool, int)[] Pass(int times) => [.. Enumerable.Range(0, times).Select(_ => (log.TryPass(out var held), held))];
    }

    [Fact]
    public async Task Commands_MoreThanCanBeInWork_AreLoggedOnce()
    {
        var cluster = new InMemoryCluster();
        var backplane = new FakeBackplane(cluster) { PublishGate = new(TaskCreationOptions.RunContinuationsAsynchronously) };
        await using var node = await StartAsync(backplane);
        await using var client = await node.ConnectAsync("alice");
        using var dropped = new MetricCollector<long>(
            node.Services.GetRequiredService<IMeterFactory>(), "DistributedSockets", "distributed_sockets.backplane.dropped_envelopes");

        PublishCommands(cluster, node);
        await Eventually.TrueAsync(
            () => dropped.GetMeasurementSnapshot().Count(static one => one.Tags["distributed_sockets.drop_reason"] is "too_many_commands") == Flood - 4_096,
            "all commands too many are counted");
        backplane.PublishGate.SetResult();
        await AssertServesAsync(cluster, node, client);

        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 120);
    }

    [Fact]
    public async Task Events_OfAnObserverThatHangs_AreDroppedCountedAndLoggedOnceAndConnectionsAreServed()
    {
        const int Beyond = 5;
        var (entered, release) = (new TaskCompletionSource(), new TaskCompletionSource());
        var observer = new Mock<IClusterObserver>();
        observer.Setup(o => o.OnSessionStartedAsync(It.IsAny<Session>(), It.IsAny<CancellationToken>())).Returns(async () =>
        {
            entered.TrySetResult();
            await release.Task;
        });
        await using var node = await AppNode.StartAsync(build: builder => builder.Services.AddSingleton(observer.Object));
        using var dropped = new MetricSum(node, "distributed_sockets.dropped_events");
        var events = node.Services.GetRequiredService<ClusterEvents>();
        var session = new Session { Hub = "h", ConnectionId = "c", NodeId = "n", ConnectedAt = default };

        events.SessionStarted(session);
        await entered.Task.WithinGuardAsync();
        for (var i = 0; i < 65_536 + Beyond; i++)
        {
            events.SessionStarted(session);
        }

        Assert.Equal(Beyond, dropped.Value);
        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 141);
        await using var client = await node.ConnectAsync();
        await client.SendAsync("still served");
        Assert.Equal("still served", await client.ReceiveTextAsync());
        release.SetResult();
    }

    [Fact]
    public async Task Commands_WhoseAnswersFail_AreLoggedOnce()
    {
        var cluster = new InMemoryCluster();
        var backplane = new FakeBackplane(cluster);
        await using var node = await StartAsync(backplane);
        await using var client = await node.ConnectAsync("alice");

        backplane.Failure = new BackplaneUnavailableException("Away.");
        PublishCommands(cluster, node);
        await Eventually.TrueAsync(() => backplane.Count($"publish {node.Hub.NodeChannel("foreign-node")}") == Flood, "every command is answered, or tried to be");
        backplane.Failure = null;
        await AssertServesAsync(cluster, node, client);

        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 121);
    }

    [Fact]
    public async Task Envelopes_ThatCannotBeDelivered_AreLoggedOnce()
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync(new FakeBackplane(cluster));
        await using var client = await node.ConnectAsync("alice");
        var refused = node.Services.GetRequiredService<RefusedEnvelopes>();
        for (var i = 0; i < 100; i++)
        {
            refused.ReportUndelivered(new InvalidOperationException("Nobody has foreseen this."));
        }

        await AssertServesAsync(cluster, node, client);

        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 162);
    }

    private static Task<AppNode> StartAsync(FakeBackplane backplane) =>
        AppNode.StartAsync(build: builder => builder.Services.AddSingleton<IBackplane>(backplane));

    private static void PublishCommands(InMemoryCluster cluster, AppNode node)
    {
        var command = s_foreign.WriteCommand(Guid.NewGuid(), new(RemoteCommandKind.Disconnect, "foreign-node.x", "", 1000), out var length)[..length];
        for (var i = 0; i < Flood; i++)
        {
            cluster.Publish(node.Hub.OwnChannel, command);
        }
    }

    /// <summary>Waits for an envelope of the same publisher, which comes through the same lane as those before it.</summary>
    private static async Task AssertServesAsync(InMemoryCluster cluster, AppNode node, TestClient client)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("still served"));
        cluster.Publish(
            node.Hub.UserChannel("alice"),
            s_foreign.WriteFrame(WebSocketTargetKind.Users, ["alice"], [], Guid.Empty, frame, out var length)[..length]);
        string text;
        do
        {
            text = await client.ReceiveTextAsync();
        }
        while (text != "still served");
    }
}
