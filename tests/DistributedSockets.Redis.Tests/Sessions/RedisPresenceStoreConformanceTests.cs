using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Sessions;

public abstract class RedisPresenceStoreConformanceTests(RespServer server, string options) : PresenceStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string cluster) => RedisFactory.SessionStore(server.EndPoint + options, cluster);
}

public sealed class RedisResp3PresenceStoreTests(RedisServer server) : RedisPresenceStoreConformanceTests(server, ",protocol=resp3");

public sealed class RedisResp2PresenceStoreTests(RedisServer server) : RedisPresenceStoreConformanceTests(server, ",protocol=resp2");

public sealed class GarnetResp3PresenceStoreTests(GarnetServer server) : RedisPresenceStoreConformanceTests(server, ",protocol=resp3");
