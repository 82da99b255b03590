using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane.Servers;

public abstract class RedisServersConformanceTests(RedisServers servers, string options) : BackplaneConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        servers.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => RedisFactory.Backplane(servers.All.Select(server => server.EndPoint + options), prefix: cluster);
}

public sealed class RedisResp3ServersTests(RedisServers servers) : RedisServersConformanceTests(servers, ",protocol=resp3");

public sealed class RedisResp2ServersTests(RedisServers servers) : RedisServersConformanceTests(servers, ",protocol=resp2");
