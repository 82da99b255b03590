using DistributedSockets.Conformance;
using DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

namespace DistributedSockets.Docs.Tests.Relay;

// snippet: backplane-conformance
public sealed class RelayBackplaneTests : BackplaneConformanceTests
{
    private readonly RelayServer _relay = new();
    // end-snippet

    public override ValueTask InitializeAsync()
    {
        Assert.SkipWhen(
            TestContext.Current.TestMethod?.MethodName == nameof(AnyCall_ChannelMissing_ThrowsArgumentException),
            "BroadcastBackplane takes an empty channel name in SubscribeAsync and UnsubscribeAsync.");
        return base.InitializeAsync();
    }

    // snippet: backplane-conformance
    protected override IBackplane CreateBackplane() => new RelayBackplane(_relay.EndPoint, TimeProvider.System);

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _relay.DisposeAsync();
    }
}
// end-snippet
