using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane.Servers;

public abstract class RedisServersOutageConformanceTests(string options) : BackplaneOutageConformanceTests
{
    private readonly RedisServers _servers = new();

    public override async ValueTask InitializeAsync()
    {
        _servers.SkipUnlessAvailable();
        await _servers.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _servers.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    protected override IBackplane CreateBackplane(string cluster) =>
        RedisFactory.Backplane(_servers.All.Select(server => server.EndPoint + options), prefix: cluster);

    protected override Task CutAsync() => _servers.EachAsync(static server => server.KillAsync());

    protected override Task RestoreAsync() => _servers.EachAsync(static server => server.StartAsync());
}

public sealed class RedisResp3ServersOutageConformanceTests() : RedisServersOutageConformanceTests(",protocol=resp3");

public sealed class RedisResp2ServersOutageConformanceTests() : RedisServersOutageConformanceTests(",protocol=resp2");
