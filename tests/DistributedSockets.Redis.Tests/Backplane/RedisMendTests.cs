using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Testing;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>A subscription ends although no connection is lost.</summary>
public sealed class RedisMendTests(RedisServer server)
{
    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Subscription_EndedBehindOurBack_IsMadeAnewAndTheLossIsReported(string protocol)
    {
        server.SkipUnlessAvailable();
        var channel = $"mend-{protocol}:v1:chat:user:alice";
        await using var app = await ConnectionMultiplexer.ConnectAsync($"{server.EndPoint},protocol={protocol}");
        var logger = new FakeLogger<RedisBackplane>();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(
            "", options => (options.ConnectionString, options.ConnectionMultiplexer) = (null, app), logger));
        await node.SubscribeAsync(channel, channel + ":kept");

        await app.GetSubscriber().UnsubscribeAsync(RedisChannel.Literal(channel)); // takes everybody's handlers away
        await node.PublishAsync(channel, "unheard");

        await node.Received.WaitForReportAsync("loss");
        await node.PublishAsync(channel, "heard");
        Assert.Equal(["heard"], await node.Received.WaitForAsync(channel, "heard"));
        Assert.Equal(["loss"], node.Received.Reports);
        Assert.Contains(logger.Collector.GetSnapshot(), static entry => entry.Id.Id == 1030);
    }
}
