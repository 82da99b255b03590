using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Sessions;

public sealed class NatsPresenceStoreTests(JetStreamFixture jetStream) : PresenceStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string cluster) => NatsFactory.SessionStore(jetStream.Server.Url, cluster);
}
