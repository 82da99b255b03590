using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>Nodes that share a session store and are configured so that they do not hear each other say so.</summary>
public sealed class BackplaneAgreementTests(RedisServer redis, RedisCluster cluster)
{
    [Fact]
    public async Task Nodes_WithAndWithoutChannelPrefix_SaySo()
    {
        redis.SkipUnlessAvailable();
        await AssertTheySaySoAsync(
            builder => builder.UseRedis(redis.EndPoint),
            builder => builder.UseRedis($"{redis.EndPoint},channelPrefix=app:"),
            "'redis: plain'",
            "'redis: plain channelPrefix=app:'");
    }

    [Fact]
    public async Task Nodes_WithAndWithoutShardedPubSub_SaySo()
    {
        cluster.SkipUnlessAvailable();
        await AssertTheySaySoAsync(
            builder => builder.UseRedis(cluster.ConnectionString),
            builder => builder.UseRedis(options => (options.ConnectionString, options.ShardedPubSub) = (cluster.ConnectionString, true)),
            "'redis: plain'",
            "'redis: sharded'");
    }

    [Fact]
    public async Task Nodes_WithRedisAndInMemory_SaySo()
    {
        redis.SkipUnlessAvailable();
        await AssertTheySaySoAsync(
            builder => builder.UseRedis(redis.EndPoint), builder => builder.UseRedisSessionStore(redis.EndPoint), "'redis: plain'", "'in_memory: ");
    }

    [Fact]
    public async Task Nodes_WithoutABackplane_SaySo()
    {
        redis.SkipUnlessAvailable();
        await AssertTheySaySoAsync(
            builder => builder.UseRedisSessionStore(redis.EndPoint), builder => builder.UseRedisSessionStore(redis.EndPoint), "'in_memory: ", "'in_memory: ");
    }

    [Theory]
    [InlineData("a:1", "a:1", false, false)]
    [InlineData("a:1", "b:2", false, false)] // perhaps one server under two names
    [InlineData("a:1,channelPrefix=x", "a:1,channelPrefix=x", false, false)]
    [InlineData("a:1,channelPrefix=x", "a:1,channelPrefix=X", false, true)]
    [InlineData("a:1,channelPrefix=\u00e9", "a:1,channelPrefix=\u00e8", false, true)]
    [InlineData("a:1 b:2", "b:2 A:1", false, false)]
    [InlineData("a:1 b:2", "a:1 c:3", false, true)]
    [InlineData("a:1 b:2", "a:1", false, true)]
    [InlineData("a:1 b:2", "a:1 b:2,channelPrefix=x", false, true)]
    [InlineData("localhost b:2", "b:2 127.0.0.1:6379", false, false)]
    [InlineData("a:1", "a:1", true, true)]
    public void Reach_OfTwoConfigurations_DiffersIfTheyDoNotHearEachOther(string one, string other, bool isOneSharded, bool differ) =>
        Assert.Equal(differ, RedisReach.Of(Options(one, isOneSharded)) != RedisReach.Of(Options(other, false)));

    [Fact]
    public async Task Reach_OfAConnectionOfTheApp_HasItsPrefix()
    {
        redis.SkipUnlessAvailable();
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync($"{redis.EndPoint},channelPrefix=app:,name=x");

        Assert.Equal("plain channelPrefix=app:", RedisReach.Of(new() { ConnectionMultiplexer = multiplexer }));
        Assert.Equal("plain channelPrefix=app:", RedisReach.Of(new() { Configuration = ConfigurationOptions.Parse("a:1,channelPrefix=app:,password=p") }));
    }

    private static RedisBackplaneOptions Options(string connectionStrings, bool isSharded)
    {
        var options = new RedisBackplaneOptions { ShardedPubSub = isSharded };
        foreach (var connectionString in connectionStrings.Split(' '))
        {
            options.Servers.Add(new() { ConnectionString = connectionString });
        }

        return options;
    }

    private static async Task AssertTheySaySoAsync(
        Action<IDistributedWebSocketsBuilder> configureOne, Action<IDistributedWebSocketsBuilder> configureOther, string one, string other)
    {
        var prefix = $"agree-{Guid.NewGuid():N}";
        await using var first = await RedisNode.StartAsync(configureOne, prefix);
        await using var second = await RedisNode.StartAsync(configureOther, prefix);

        await AssertSaysAsync(first, second, other, one);
        await AssertSaysAsync(second, first, one, other);
    }

    private static async Task AssertSaysAsync(RedisNode node, RedisNode other, string theirs, string own)
    {
        var health = "";
        await Eventually.TrueAsync(
            async () =>
            {
                var report = await node.HealthAsync();
                health = report.Entries.Single().Value.Description!;
                return report.Status == HealthStatus.Degraded && health.Contains("another backplane", StringComparison.Ordinal);
            },
            "the node has noticed");
        var logged = Assert.Single(node.Logs.GetSnapshot(), static entry => entry.Id.Id == 196).Message;
        Assert.All([health, logged], text => Assert.Contains($"1 of 2 nodes and workers are on another backplane, such as {other.Info.NodeId} with {theirs}", text));
        Assert.All([health, logged], text => Assert.Contains($"where this one has {own}", text));
    }
}
