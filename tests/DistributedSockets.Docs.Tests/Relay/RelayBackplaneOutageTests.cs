using DistributedSockets.Testing;
using DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

namespace DistributedSockets.Docs.Tests.Relay;

/// <summary>What the page says the example does when its transport goes away.</summary>
public sealed class RelayBackplaneOutageTests : BackplaneOutageConformanceTests
{
    private RelayServer _relay = new();

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await CutAsync();
    }

    protected override IBackplane CreateBackplane(string cluster) => new RelayBackplane(_relay.EndPoint, TimeProvider.System);

    // snippet: testing-outage
    protected override async Task CutAsync() => await _relay.DisposeAsync();

    protected override Task RestoreAsync()
    {
        _relay = new(_relay.EndPoint);
        return Task.CompletedTask;
    }
    // end-snippet
}
