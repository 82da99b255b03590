using DistributedSockets.Testing;

namespace DistributedSockets.Nats.Tests.Log;

public abstract class NatsMessageLogConformanceTests(JetStreamFixture jetStream, NatsStorage storage) : MessageLogConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        jetStream.Server.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string cluster) =>
        NatsFactory.MessageLog(jetStream.Server.Url, cluster, options => options.LogStorage = storage);
}

public sealed class NatsMemoryMessageLogTests(JetStreamFixture jetStream) : NatsMessageLogConformanceTests(jetStream, NatsStorage.Memory);

public sealed class NatsFileMessageLogTests(JetStreamFixture jetStream) : NatsMessageLogConformanceTests(jetStream, NatsStorage.File);
