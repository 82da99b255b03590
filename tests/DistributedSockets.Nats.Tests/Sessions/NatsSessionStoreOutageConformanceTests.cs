using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>A server of their own that is killed, and comes back with what its storage has kept.</summary>
public abstract class NatsSessionStoreOutageConformanceTests(NatsStorage storage) : SessionStoreOutageConformanceTests
{
    private readonly NatsServer _server = new() { HasJetStream = true };

    public override async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
        await base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _server.DisposeAsync();
    }

    protected override ISessionStore CreateStore(string cluster) =>
        NatsFactory.SessionStore(_server.Url, cluster, options => (options.Storage, options.OperationTimeout) = (storage, TimeSpan.FromSeconds(3)));

    protected override Task CutAsync() => _server.KillAsync();

    protected override Task RestoreAsync() => _server.StartAsync();
}

public sealed class NatsMemorySessionStoreOutageTests() : NatsSessionStoreOutageConformanceTests(NatsStorage.Memory);

public sealed class NatsFileSessionStoreOutageTests() : NatsSessionStoreOutageConformanceTests(NatsStorage.File);
