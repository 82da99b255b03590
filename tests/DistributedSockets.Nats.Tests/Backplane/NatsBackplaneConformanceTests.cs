using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsBackplaneConformanceTests(NatsServer server) : BackplaneConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => NatsFactory.Backplane(server.Url, prefix: cluster);
}
