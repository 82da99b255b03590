using System.Globalization;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Sharded pub/sub on a cluster that comes to no harm.</summary>
public sealed class ShardedBackplaneTests
{
    private readonly RedisCluster _cluster;
    private readonly string _prefix = $"sharded-{Guid.NewGuid():N}";

    public ShardedBackplaneTests(RedisCluster cluster)
    {
        cluster.SkipUnlessAvailable();
        _cluster = cluster;
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Subscribe_ManyChannels_TheySpreadOverThePrimaries_AndDisposeLeavesNoneBehind(string protocol)
    {
        const int count = 300;
        await using (var node = await StartNodeAsync(protocol))
        {
            await Task.WhenAll(Enumerable.Range(0, count).Select(i => node.SubscribeAsync($"{_prefix}:v1:chat:user:{i}")));

            var counts = await Task.WhenAll(_cluster.Nodes.Select(CountAsync));
            Assert.Equal(count, counts.Sum(static counted => counted.Channels));
            Assert.All(counts[..3], static counted => Assert.InRange(counted.Channels, count / 6, count / 2));
            Assert.All(counts[3..], static counted => Assert.Equal((0, 0), counted));

            // Each primary has a probe of its own, in a slot of its own.
            Assert.All(counts[..3], static counted => Assert.Equal(1, counted.Probes));
            for (var i = 0; i < count; i += 2)
            {
                await node.UnsubscribeAsync($"{_prefix}:v1:chat:user:{i}");
            }

            await Eventually.TrueAsync(
                async () => (await Task.WhenAll(_cluster.Nodes.Select(CountAsync))).Sum(static counted => counted.Channels) == count / 2, "half of them are left");
        }

        await Eventually.TrueAsync(
            async () => (await Task.WhenAll(_cluster.Nodes.Select(CountAsync))).All(static counted => counted == (0, 0)), "no server knows any of them");
    }

    [Fact]
    public async Task Publish_SomebodyListens_IsNotCounted()
    {
        await using var node = await StartNodeAsync("resp3");
        await node.SubscribeAsync($"{_prefix}:v1:chat:all");

        Assert.Null(await node.PublishAsync($"{_prefix}:v1:chat:all", "hello"));
    }

    [Fact]
    public async Task Publish_OverClassicPubSub_IsNotHeard()
    {
        await using var node = await StartNodeAsync("resp3");
        await using var unsharded = await BackplaneNode.StartAsync(RedisFactory.Backplane(_cluster.ConnectionString, prefix: _prefix));
        var channel = $"{_prefix}:v1:chat:all";
        await node.SubscribeAsync(channel);
        await unsharded.SubscribeAsync(channel);

        await unsharded.PublishAsync(channel, "classic");
        await unsharded.Received.WaitForAsync(channel, 1);
        await node.PublishAsync(channel, "sharded");

        Assert.Equal(["sharded"], await node.Received.WaitForAsync(channel, "sharded"));
        Assert.Equal(["classic"], unsharded.Received.Texts(channel));
    }

    [Fact]
    public async Task Slot_OfAnyName_IsTheOneThatRedisTakes()
    {
        string[] names = [.. TrickyNames.All, "{tag}a", "a{tag}b", "{}a", "{{tag}}", "a{b", "a}b{c}", new string('\u00fc', 600)];
        foreach (var name in names)
        {
            var answer = await _cluster.Nodes[0].CommandAsync("CLUSTER", "KEYSLOT", $"p:{name}");
            Assert.Equal(int.Parse(answer.AsSpan(1), NumberStyles.Integer, CultureInfo.InvariantCulture), RedisSlots.Of(name, "p:"u8));
        }
    }

    [Fact]
    public async Task ChannelPrefix_OfTheMultiplexer_IsCountedIn()
    {
        await using var node = await BackplaneNode.StartAsync(
            RedisFactory.ShardedBackplane(_cluster.ConnectionString + ",channelPrefix=app:", prefix: _prefix));
        var channels = Enumerable.Range(0, 20).Select(i => $"{_prefix}:v1:chat:user:{i}").ToArray();
        await node.SubscribeAsync(channels);

        foreach (var channel in channels)
        {
            await node.PublishAsync(channel, channel);
            Assert.Equal([channel], await node.Received.WaitForAsync(channel, 1));
        }

        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Start_NoCluster_SaysSoAndWaits()
    {
        await using var redis = new RedisServer();
        await redis.StartAsync();
        var logger = new FakeLogger<RedisBackplane>();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.ShardedBackplane(redis.EndPoint, logger: logger));

        Assert.Equal(["unavailable"], node.Received.Reports);
        var error = Assert.Single(logger.Collector.GetSnapshot(), static entry => entry.Id.Id == 1032);
        Assert.Contains($"ShardedPubSub needs a Redis Cluster, but 127.0.0.1:{redis.Port} is none.", error.Message);
        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync($"{_prefix}:v1:chat:all", "lost"));
        Assert.Contains("needs a Redis Cluster", refusal.Message);
    }

    private Task<BackplaneNode> StartNodeAsync(string protocol) =>
        BackplaneNode.StartAsync(RedisFactory.ShardedBackplane($"{_cluster.ConnectionString},protocol={protocol}", prefix: _prefix));

    /// <summary>How many channels of this test a server has subscribers for.</summary>
    private async Task<(int Channels, int Probes)> CountAsync(RedisClusterNode node)
    {
        return (await OfAsync(":v1:chat:*"), await OfAsync(":v1:probe:*"));

        async Task<int> OfAsync(string pattern)
        {
            var answer = await node.CommandAsync("PUBSUB", "SHARDCHANNELS", _prefix + pattern);
            return int.Parse(answer.AsSpan(1, answer.IndexOf('\r') - 1), NumberStyles.None, CultureInfo.InvariantCulture);
        }
    }
}
