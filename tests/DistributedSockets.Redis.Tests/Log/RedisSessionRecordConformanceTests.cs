using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

public abstract class RedisSessionRecordConformanceTests(RespServer server, string options) : SessionRecordStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string cluster) => RedisFactory.MessageLog(server.EndPoint + options, cluster);
}

public sealed class RedisResp3SessionRecordTests(RedisServer server) : RedisSessionRecordConformanceTests(server, ",protocol=resp3");

public sealed class RedisResp2SessionRecordTests(RedisServer server) : RedisSessionRecordConformanceTests(server, ",protocol=resp2");

public sealed class GarnetSessionRecordTests(GarnetServer server) : RedisSessionRecordConformanceTests(server, ",protocol=resp3");
