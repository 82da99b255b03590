using System.Net;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Redis goes away, comes back, and forgets.</summary>
public sealed class RedisOutageTests : RedisOutageSuite
{
    [Fact]
    public async Task ConnectionsKilledByRedis_LossIsReported_EverythingWorksAgain()
    {
        await using var near = await A.ConnectAsync("near", Group);
        await using var far = await B.ConnectAsync("far", Group);
        foreach (var type in new[] { "pubsub", "normal" })
        {
            Assert.StartsWith(":", await Server.CommandAsync("CLIENT", "KILL", "TYPE", type, "SKIPME", "yes"), StringComparison.Ordinal);
        }

        foreach (var node in Nodes)
        {
            await Guard.UntilAsync(async () => await node.MetricAsync("events.possible_loss") >= 1, $"node {node.Settings.Name} reports the loss");
        }

        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task NodeReadsTooSlowlyForRedis_IsCutOff_LossIsReportedAndEverythingWorksAgain()
    {
        Assert.SkipUnless(Server is RedisServer, "Only redis-server cuts off who reads too slowly.");
        await Server.CommandAsync("CONFIG", "SET", "client-output-buffer-limit", "pubsub 1mb 1mb 1");
        await using var near = await A.ConnectAsync("near", Group);
        await using var far = await B.ConnectAsync("far", Group);
        var payload = new string('x', 60_000);
        var nobody = $"connection/{far.NodeId}.AAAAAAAAAAAAAAAAAAAAAA"; // what does get through should not flood a client

        B.Freeze();
        try
        {
            for (var i = 0; i < 400; i++)
            {
                Assert.Equal(HttpStatusCode.Accepted, await A.SendAsync(nobody, payload));
            }
        }
        finally
        {
            B.Thaw();
        }

        await Guard.UntilAsync(async () => await B.MetricAsync("events.possible_loss") >= 1, "the loss is reported");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task FlushAll_SessionsComeBackAndMessagesGoOn()
    {
        await using var near = await A.ConnectAsync("near", Group);
        await using var far = await B.ConnectAsync("far", Group);
        await Guard.UntilAsync(() => A.SessionsAsync($"group={Group}"), static found => found.Length == 2, "both sessions are stored");

        Assert.StartsWith("+OK", await Server.CommandAsync("FLUSHALL"), StringComparison.Ordinal);

        await near.AskAsync($"G{Group} at once", "at once");
        await far.ExpectAsync("at once");
        await AssertEverythingWorksAsync(("near", near), ("far", far));
    }

    [Fact]
    public async Task StartedWithoutRedis_AcceptsClients_AndJoinsTheClusterWhenItComes()
    {
        await Server.StopAsync();
        await using var late = await TestNodeProcess.StartAsync(new NodeSettings { Name = "c", Redis = EndPoint });
        await using var client = await late.ConnectAsync("early");
        await client.AskAsync("Ehello", "hello");
        await using var joiner = await late.ConnectAsync("joiner", Group);

        await Server.StartAsync();

        await Guard.UntilAsync(late.ReadinessAsync, static readiness => readiness == "Healthy", "the node is healthy");
        await Guard.UntilAsync(async () => (await A.NodesAsync()).Length == 3, "all nodes are listed");
        await using var far = await A.ConnectAsync("far", Group);
        await AssertReachedAsync(joiner, A, $"group/{Group}");
        await AssertEverythingWorksAsync(("early", client), ("joiner", joiner), ("far", far));
    }
}
