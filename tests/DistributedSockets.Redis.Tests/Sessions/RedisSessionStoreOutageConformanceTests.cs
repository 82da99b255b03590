using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Sessions;

/// <summary>The server is killed, and comes back on the same port.</summary>
public abstract class RedisSessionStoreOutageConformanceTests(ServerKind kind) : SessionStoreOutageConformanceTests
{
    private RespServer? _server;

    protected RespServer Server => _server ?? throw new InvalidOperationException("The server has not been started.");

    public override async ValueTask InitializeAsync() => _server = await StartServerAsync();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        if (_server is { } server)
        {
            await server.DisposeAsync();
        }
    }

    protected virtual Task<RespServer> StartServerAsync() => kind.StartAsync();

    protected override ISessionStore CreateStore(string cluster) => RedisFactory.SessionStore(kind.ConnectionString(Server), cluster);

    protected override Task CutAsync() => Server.KillAsync();

    protected override Task RestoreAsync() => Server.StartAsync();
}

public sealed class RedisResp3SessionStoreOutageConformanceTests() : RedisSessionStoreOutageConformanceTests(ServerKind.RedisResp3);

public sealed class RedisResp2SessionStoreOutageConformanceTests() : RedisSessionStoreOutageConformanceTests(ServerKind.RedisResp2);

public sealed class GarnetResp3SessionStoreOutageConformanceTests() : RedisSessionStoreOutageConformanceTests(ServerKind.GarnetResp3);

public sealed class GarnetResp2SessionStoreOutageConformanceTests() : RedisSessionStoreOutageConformanceTests(ServerKind.GarnetResp2);

/// <summary>The server comes back with what it had when it was saved, which is a little less than what it had when it was killed.</summary>
public sealed class RedisKeptSessionStoreOutageConformanceTests() : RedisSessionStoreOutageConformanceTests(ServerKind.RedisResp3)
{
    protected override async Task<RespServer> StartServerAsync()
    {
        var server = new RedisServer { KeepsData = true };
        server.SkipUnlessAvailable();
        await server.StartAsync();
        return server;
    }

    protected override async Task CutAsync()
    {
        Assert.StartsWith("+OK", await Server.CommandAsync("SAVE"));
        await Server.KillAsync();
    }
}
