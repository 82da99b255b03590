using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Sessions;

public abstract class NatsSessionStoreConformanceTests(JetStreamFixture jetStream, NatsStorage storage) : SessionStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string cluster) =>
        NatsFactory.SessionStore(jetStream.Server.Url, cluster, options => options.Storage = storage);
}

public sealed class NatsMemorySessionStoreTests(JetStreamFixture jetStream) : NatsSessionStoreConformanceTests(jetStream, NatsStorage.Memory);

public sealed class NatsFileSessionStoreTests(JetStreamFixture jetStream) : NatsSessionStoreConformanceTests(jetStream, NatsStorage.File);
