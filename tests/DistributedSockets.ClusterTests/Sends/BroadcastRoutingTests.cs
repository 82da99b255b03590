using StackExchange.Redis;

namespace DistributedSockets.ClusterTests;

/// <summary>What routing by broadcast asks of Redis, and a node that routes otherwise.</summary>
[Collection(BroadcastGroup.Name)]
public sealed class BroadcastRoutingTests(BroadcastCluster cluster)
{
    [Fact]
    public async Task UsersAndGroups_HaveNoChannelsInRedis()
    {
        await using var near = await cluster.A.ConnectAsync(SharedCluster.Unique("user"), $"{SharedCluster.Unique("g")},{SharedCluster.Unique("g")}");
        await using var far = await cluster.B.ConnectAsync(SharedCluster.Unique("user"), SharedCluster.Unique("g"));

        var redis = await ConnectionMultiplexer.ConnectAsync(cluster.Redis);
        var prefix = $"{cluster.A.Settings.Prefix}:v1:testnode:";
        var channels = await redis.GetServers()[0].SubscriptionChannelsAsync(RedisChannel.Pattern($"{prefix}*"));
        await redis.DisposeAsync();

        Assert.Equal(
            new[] { $"{prefix}all", $"{prefix}node:{cluster.A.NodeId}", $"{prefix}node:{cluster.B.NodeId}" }.Order(),
            channels.Select(static channel => channel.ToString()).Order());
    }

    [Fact]
    public async Task Nodes_ThatRouteDifferently_AreDegradedAndStillReachConnectionsAndAll()
    {
        var settings = cluster.A.Settings with
        {
            Name = "first",
            Prefix = SharedCluster.Unique("mixed"),
            Options = new Dictionary<string, string> { ["HeartbeatInterval"] = "00:00:01", ["LeaseExpiry"] = "00:00:03" }, // it looks once per lease
        };
        await using var first = await TestNodeProcess.StartAsync(settings);
        await using var second = await TestNodeProcess.StartAsync(settings with { Name = "second", Routing = "interest" });
        var user = SharedCluster.Unique("user");
        await using var member = await first.ConnectAsync(user);

        Assert.Equal("Degraded", await second.ReadinessAsync());
        await Guard.UntilAsync(
            () => Task.FromResult(second.Output()), output => output.Contains($"{first.NodeId} with broadcast where this one has interest"), "its log says why");
        await Guard.UntilAsync(first.ReadinessAsync, static readiness => readiness == "Degraded", "the first has noticed too");

        await second.SendAsync($"user/{user}", "lost without an error");
        await second.SendAsync($"connection/{member.ConnectionId}", "one");
        await second.SendAsync("all", "everyone");
        Assert.Equal(["everyone", "one"], new[] { await member.TextAsync(), await member.TextAsync() }.Order()); // two channels, so in any order
        await first.SendAsync($"user/{user}", "from its own node");
        await member.ExpectAsync("from its own node");
    }
}
