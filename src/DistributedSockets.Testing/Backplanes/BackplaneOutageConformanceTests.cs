namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IBackplane"/> promises for the time when its transport is away, and for the time after.</summary>
/// <remarks>For backplanes whose transport can be away: derive from it besides <see cref="BackplaneConformanceTests"/>.</remarks>
public abstract class BackplaneOutageConformanceTests : BackplaneSuite
{
    /// <summary>Takes the transport away from all nodes of this object: stops the server, or cuts the links to it.</summary>
    protected abstract Task CutAsync();

    /// <summary>Gives the transport back, at the same address.</summary>
    protected abstract Task RestoreAsync();

    [Fact]
    public async Task Outage_SubscribedNodes_AreToldOnceEachWay()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        await CutAsync();
        await publisher.Received.WaitForReportAsync("unavailable");
        await subscriber.Received.WaitForReportAsync("unavailable");
        await RestoreAsync();
        await publisher.Received.WaitForReportAsync("available");
        await subscriber.Received.WaitForReportAsync("available");

        await publisher.PublishAsync(Channel, "back");
        Assert.Equal(["back"], await subscriber.Received.WaitForAsync(Channel, "back"));
        Assert.Equal(["unavailable", "available"], subscriber.Received.Reports);
    }
}
