using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Log;

public sealed class NatsSessionRecordConformanceTests(JetStreamFixture jetStream) : SessionRecordStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string cluster) => NatsFactory.MessageLog(jetStream.Server.Url, cluster, static _ => { });
}
