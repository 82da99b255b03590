using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Sessions;

public abstract class RedisSessionStoreConformanceTests(RespServer server, string options) : SessionStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string cluster) => RedisFactory.SessionStore(server.EndPoint + options, cluster);
}

public sealed class RedisResp3SessionStoreTests(RedisServer server) : RedisSessionStoreConformanceTests(server, ",protocol=resp3");

public sealed class RedisResp2SessionStoreTests(RedisServer server) : RedisSessionStoreConformanceTests(server, ",protocol=resp2");

public sealed class GarnetResp3SessionStoreTests(GarnetServer server) : RedisSessionStoreConformanceTests(server, ",protocol=resp3");

public sealed class GarnetResp2SessionStoreTests(GarnetServer server) : RedisSessionStoreConformanceTests(server, ",protocol=resp2");
