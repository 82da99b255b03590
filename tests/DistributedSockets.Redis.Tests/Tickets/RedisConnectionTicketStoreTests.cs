using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Tickets;

public abstract class RedisConnectionTicketStoreTests(RespServer server) : ConnectionTicketStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    [Fact]
    public async Task Ticket_InRedis_ExpiresByItself()
    {
        var (cluster, key) = (NewCluster(), NewKey());
        await NewStore(cluster).AddAsync(key, new byte[] { 1 }, TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken);

        await using var redis = await ConnectionMultiplexer.ConnectAsync(server.EndPoint);
        var left = await redis.GetDatabase().KeyTimeToLiveAsync($"{{{cluster}:ticket:{key}}}");

        Assert.NotNull(left);
        Assert.InRange(left.Value, TimeSpan.FromTicks(1), TimeSpan.FromSeconds(30));
    }

    protected override IConnectionTicketStore CreateStore(string cluster) => RedisFactory.TicketStore(server.EndPoint, cluster);
}

public sealed class RedisTicketStoreTests(RedisServer server) : RedisConnectionTicketStoreTests(server);

public sealed class GarnetTicketStoreTests(GarnetServer server) : RedisConnectionTicketStoreTests(server);

public sealed class RedisTicketStoreOutageTests
{
    [Fact]
    public async Task Store_RedisNotThere_ThrowsInTime()
    {
        await using var store = RedisFactory.TicketStore("127.0.0.1:1,connectTimeout=500", "away", static options => options.OperationTimeout = TimeSpan.FromMilliseconds(200));

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(
            () => store.AddAsync("key", new byte[] { 1 }, TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken).WithinGuardAsync());
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => store.TakeAsync("key", TestContext.Current.CancellationToken).WithinGuardAsync());
    }
}
