using DistributedSockets.Testing;
using DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

namespace DistributedSockets.Docs.Tests.Relay;

public sealed class RelayBackplaneTests : BackplaneConformanceTests
{
    // snippet: backplane-conformance
    private readonly RelayServer _relay = new();

    protected override IBackplane CreateBackplane(string cluster) => new RelayBackplane(_relay.EndPoint, TimeProvider.System);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _relay.DisposeAsync();
    }
    // end-snippet
}
