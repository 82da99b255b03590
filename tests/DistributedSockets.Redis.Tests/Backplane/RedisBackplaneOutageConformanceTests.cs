using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>The server is killed, and comes back empty on the same port.</summary>
public abstract class RedisBackplaneOutageConformanceTests(ServerKind kind) : BackplaneOutageConformanceTests
{
    private RespServer? _server;

    private RespServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    public override async ValueTask InitializeAsync() => _server = await kind.StartAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_server is { } server)
        {
            await server.DisposeAsync();
        }
    }

    [Fact]
    public async Task Subscribe_ServerStopped_IsRefused()
    {
        var node = await StartNodeAsync();
        await Server.StopAsync();

        // A channel that Redis has not confirmed is not subscribed; a backplane that filters at the node may accept it.
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.SubscribeAsync(Channel));
    }

    protected override IBackplane CreateBackplane(string cluster) => RedisFactory.Backplane(kind.ConnectionString(Server), prefix: cluster);

    protected override Task CutAsync() => Server.KillAsync();

    protected override Task RestoreAsync() => Server.StartAsync();
}

public sealed class RedisResp3BackplaneOutageConformanceTests() : RedisBackplaneOutageConformanceTests(ServerKind.RedisResp3);

public sealed class RedisResp2BackplaneOutageConformanceTests() : RedisBackplaneOutageConformanceTests(ServerKind.RedisResp2);

public sealed class GarnetResp3BackplaneOutageConformanceTests() : RedisBackplaneOutageConformanceTests(ServerKind.GarnetResp3);

public sealed class GarnetResp2BackplaneOutageConformanceTests() : RedisBackplaneOutageConformanceTests(ServerKind.GarnetResp2);
