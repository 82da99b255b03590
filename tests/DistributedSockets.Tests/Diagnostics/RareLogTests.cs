using System.Diagnostics.Metrics;
using DistributedSockets.Conformance;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

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

        PublishCommands(cluster, node);
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(entry => entry.Id.Id == 120), "a command too many is logged");
        backplane.PublishGate.SetResult();
        await AssertServesAsync(cluster, node, client);

        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 120);
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
        var factory = node.Services.GetRequiredService<IMeterFactory>();
        using (var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Meter.Scope == factory && instrument.Name == "distributed_sockets.sent_frames")
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        })
        {
            listener.SetMeasurementEventCallback<long>(static (_, _, _, _) => throw new InvalidOperationException("A listener that throws."));
            listener.Start();
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("lost"));
            var envelope = s_foreign.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length)[..length];
            for (var i = 0; i < 100; i++)
            {
                cluster.Publish(node.Hub.AllChannel, envelope);
            }
        }

        await AssertServesAsync(cluster, node, client);

        Assert.Single(node.Logs.GetSnapshot(), entry => entry.Id.Id == 162);
    }

    private static Task<AppNode> StartAsync(FakeBackplane backplane) =>
        AppNode.StartAsync(build: builder => builder.Services.AddSingleton<IBackplane>(backplane));

    private static void PublishCommands(InMemoryCluster cluster, AppNode node)
    {
        var command = s_foreign.WriteCommand(1, new(RemoteCommandKind.Disconnect, "foreign-node.x", "", 1000), out var length)[..length];
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
