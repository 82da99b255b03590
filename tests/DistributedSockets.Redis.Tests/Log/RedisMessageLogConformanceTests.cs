using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

public abstract class RedisMessageLogConformanceTests(RespServer server, string options) : MessageLogConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string cluster) => RedisFactory.MessageLog(server.EndPoint + options, cluster);
}

public sealed class RedisResp3MessageLogTests(RedisServer server) : RedisMessageLogConformanceTests(server, ",protocol=resp3");

public sealed class RedisResp2MessageLogTests(RedisServer server) : RedisMessageLogConformanceTests(server, ",protocol=resp2");

public sealed class GarnetResp3MessageLogTests(GarnetServer server) : RedisMessageLogConformanceTests(server, ",protocol=resp3");

public sealed class GarnetResp2MessageLogTests(GarnetServer server) : RedisMessageLogConformanceTests(server, ",protocol=resp2");
