using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

public abstract class RedisBackplaneConformanceTests(RespServer server, string options) : BackplaneConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => RedisFactory.Backplane(server.EndPoint + options, prefix: cluster);
}

public sealed class RedisResp3BackplaneTests(RedisServer server) : RedisBackplaneConformanceTests(server, ",protocol=resp3");

public sealed class RedisResp2BackplaneTests(RedisServer server) : RedisBackplaneConformanceTests(server, ",protocol=resp2");

public sealed class GarnetResp3BackplaneTests(GarnetServer server) : RedisBackplaneConformanceTests(server, ",protocol=resp3");

public sealed class GarnetResp2BackplaneTests(GarnetServer server) : RedisBackplaneConformanceTests(server, ",protocol=resp2");
