using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.Docs.Tests.Snippets.WritingABackplane;

namespace DistributedSockets.Docs.Tests.Relay;

/// <summary>What the page says the example does when its transport goes away.</summary>
public sealed class RelayBackplaneOutageTests
{
    private const string Channel = "shop:v1:chat:all";

    [Fact]
    public async Task Relay_AwayAndBack_FailsLoudlyReportsAndGoesOn()
    {
        var relay = new RelayServer();
        await using var node = await BackplaneNode.StartAsync(new RelayBackplane(relay.EndPoint, TimeProvider.System));
        await node.SubscribeAsync(Channel);

        await relay.DisposeAsync();
        await Eventually.TrueAsync(() => node.Received.Reports.Any(), "the outage is reported");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
        Assert.Single(node.Received.Reports);

        await using var again = new RelayServer(relay.EndPoint);
        await Eventually.TrueAsync(() => node.Received.Reports.Count() == 2, "the return is reported");
        await node.PublishAsync(Channel, "heard");

        Assert.Equal(["heard"], await node.Received.WaitForAsync(Channel, 1));
    }

    [Fact]
    public async Task Relay_AwayAtStart_StartsAndReports()
    {
        var relay = new RelayServer();
        await relay.DisposeAsync();

        await using var node = await BackplaneNode.StartAsync(new RelayBackplane(relay.EndPoint, TimeProvider.System));

        Assert.Single(node.Received.Reports);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, Encoding.UTF8.GetBytes("x")));
    }
}
