using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <remarks>Real Redis only: it alone counts subscribed connections as a type of their own.</remarks>
public sealed class RedisPubSubKillTests
{
    private const string Channel = "kill:v1:user:alice";

    [Theory]
    [InlineData(ServerKind.RedisResp3)]
    [InlineData(ServerKind.RedisResp2)]
    public async Task ClientKill_PubSub_IsReportedAndHealed(ServerKind kind)
    {
        await using var server = await kind.StartAsync();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(kind.ConnectionString(server)));
        await node.SubscribeAsync(Channel);

        Assert.Equal(":1\r\n", await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub"));

        await node.Received.WaitForReportAsync("available");
        Assert.Equal(["unavailable", "available"], node.Received.Reports);
        await node.PublishAsync(Channel, "fence");
        await node.Received.WaitForAsync(Channel, "fence");
    }
}
