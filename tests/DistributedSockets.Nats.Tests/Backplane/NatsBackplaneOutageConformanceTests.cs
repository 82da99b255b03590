using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsBackplaneOutageConformanceTests : BackplaneOutageConformanceTests
{
    private readonly NatsServer _server = new();

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

    protected override IBackplane CreateBackplane(string cluster) => NatsFactory.Backplane(_server.Url, prefix: cluster);

    protected override Task CutAsync() => _server.KillAsync();

    protected override Task RestoreAsync() => _server.StartAsync();
}
