using DistributedSockets.Conformance;

namespace DistributedSockets.Tests;

public sealed class InMemoryBackplaneTests : BackplaneConformanceTests
{
    private readonly InMemoryCluster _cluster = new();

    protected override IBackplane CreateBackplane() => new InMemoryBackplane(_cluster);

    [Fact]
    public async Task Publish_OtherCluster_DoesNotHearIt()
    {
        await using var node = await BackplaneNode.StartAsync(CreateBackplane());
        await using var stranger = await BackplaneNode.StartAsync(new InMemoryBackplane(new()));
        await node.SubscribeAsync(Channel);
        await stranger.SubscribeAsync(Channel);

        Assert.Equal(1, await node.PublishAsync(Channel, "ours"));
        Assert.Equal(1, await stranger.PublishAsync(Channel, "theirs"));

        Assert.Equal(["theirs"], await stranger.Received.WaitForAsync(Channel, 1));
    }
}
