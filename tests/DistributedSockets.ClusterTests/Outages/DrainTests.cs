using System.Net;

namespace DistributedSockets.ClusterTests;

/// <summary>A node that is asked to stop.</summary>
public sealed class DrainTests(SharedCluster cluster)
{
    private readonly string _user = SharedCluster.Unique("user");

    [Fact]
    public async Task Terminate_ClosesWith1001RefusesNewOnesAndForgetsItsSessions()
    {
        var prefix = SharedCluster.Unique("drain");
        var nodes = await TestNodeProcess.StartAsync(
            new NodeSettings
            {
                Name = "leaving",
                Redis = cluster.Redis,
                IsPatient = true,
                Prefix = prefix,
                Options = new Dictionary<string, string> { ["CloseTimeout"] = "00:00:20" },
            },
            new NodeSettings { Name = "staying", Redis = cluster.Redis, IsPatient = true, Prefix = prefix });
        var (leaving, staying) = (nodes[0], nodes[1]);
        await using var disposeLeaving = leaving;
        await using var disposeStaying = staying;
        await using var swarm = new ClientSwarm();
        await swarm.ConnectAsync(leaving, 50);
        await using var ws = await cluster.Ws.NewClient().OpenAsync(leaving.Endpoint(_user));
        await using var stubborn = await RawClient.OpenAsync(leaving.Endpoint(_user)); // does not answer a close: keeps the node draining
        await using var kept = await staying.ConnectAsync("kept");
        await Guard.UntilAsync(() => staying.SessionsAsync("node=leaving"), static found => found.Length == 52, "all sessions are stored");

        leaving.Terminate();

        Assert.Equal(1001, (await ws.CloseEventAsync()).Code);
        foreach (var client in swarm.Clients)
        {
            Assert.Equal(1001, (await client.CloseEventAsync()).Code);
        }

        Assert.Equal(1001, await stubborn.CloseCodeAsync());
        await using (var late = await RawClient.ConnectAsync(leaving.Endpoint("late")))
        {
            Assert.Equal(503, late.Status);
            Assert.Contains("Retry-After:", late.Handshake, StringComparison.OrdinalIgnoreCase);
        }

        using (var ready = await leaving.Http.GetAsync("/health/ready", TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        }

        using (var live = await leaving.Http.GetAsync("/health/live", TestContext.Current.CancellationToken))
        {
            Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        }

        stubborn.Vanish();

        // The host's shutdown timeout is 30 seconds, after which it would give up with an error; the guard is above it.
        Assert.Equal(0, await leaving.ExitAsync());
        Assert.DoesNotContain("timeout", leaving.Output(), StringComparison.OrdinalIgnoreCase);
        Assert.False(await staying.IsOnlineAsync(_user));
        Assert.False(await staying.IsOnlineAsync("user0"));
        Assert.True(await staying.IsOnlineAsync("kept"));
        Assert.Equal("staying", Assert.Single(await staying.NodesAsync()).Name);
        Assert.Equal(0, await staying.MetricAsync("events.session_ended.node_lost"));
        await kept.AskAsync("Bhello", "hello");
    }

    [Fact]
    public async Task Terminate_NoConnections_ExitsAtOnce()
    {
        await using var node = await TestNodeProcess.StartAsync(
            new NodeSettings { Name = "idle", Redis = cluster.Redis, IsPatient = true, Prefix = SharedCluster.Unique("drain") });

        node.Terminate();

        Assert.Equal(0, await node.ExitAsync());
    }
}
