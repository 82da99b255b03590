using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Backplane;

public sealed class RedisBackplaneStartTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    [Fact]
    public async Task Start_ConnectionOfSubscriptionsComesLater_WaitsForItAndReportsNothing()
    {
        await using var proxy = new HoldingProxy(redis.Server.Port);
        var logger = new FakeLogger<RedisBackplane>();
        var receiver = new RecordingReceiver();
        await using var backplane = RedisFactory.Backplane(
            $"{proxy.EndPoint},protocol=resp2,connectTimeout=1000", options => options.OperationTimeout = TimeSpan.FromSeconds(60), logger);

        var starting = backplane.StartAsync(receiver, TestContext.Current.CancellationToken).AsTask();
        await Eventually.TrueAsync(
            () => logger.Collector.GetSnapshot().Any(entry => entry.Id.Id == 1003), "an attempt without the second connection has failed");
        Assert.False(starting.IsCompleted);
        proxy.Release();

        await starting.WithinGuardAsync();
        Assert.Empty(receiver.Reports);
        await backplane.SubscribeAsync("start:v1:all", TestContext.Current.CancellationToken);
        await backplane.PublishAsync("start:v1:all", "hello"u8.ToArray(), TestContext.Current.CancellationToken);
        Assert.Equal(["hello"], await receiver.WaitForAsync("start:v1:all", 1));
    }

    [Fact]
    public async Task Start_ConnectionOfSubscriptionsNeverComes_ReportsTheOutageInTime()
    {
        await using var proxy = new HoldingProxy(redis.Server.Port);
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(
            $"{proxy.EndPoint},protocol=resp2,connectTimeout=1000", options => options.OperationTimeout = TimeSpan.FromSeconds(2)));

        Assert.Equal(["unavailable"], node.Received.Reports);
    }
}
