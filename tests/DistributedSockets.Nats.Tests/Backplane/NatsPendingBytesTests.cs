using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>What becomes of publishes that the server does not answer.</summary>
public sealed class NatsPendingBytesTests
{
    private const int Bound = 1024 * 1024;
    private const string Channel = "pending:v1:chat:all";

    [Fact]
    public async Task Publish_BeyondWhatMayWait_FailsAtOnceAndWorksWhenThereIsRoomAgain()
    {
        await using var server = new NatsServer();
        server.SkipUnlessAvailable();
        await server.StartAsync();
        await using var node = await BackplaneNode.StartAsync(NatsFactory.Backplane(server.Url, static options => options.MaxPendingBytes = Bound));
        await node.SubscribeAsync(Channel);
        await server.PauseAsync();

        var waiting = Record.ExceptionAsync(() => node.PublishAsync(Channel, new byte[Bound - 100])).AsTask();
        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, new byte[101]));
        Assert.False(waiting.IsCompleted);
        await server.ResumeAsync();
        await waiting;

        Assert.Contains($"MaxPendingBytes, which is {Bound}", refusal.Message);
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => node.PublishAsync(Channel, "afterwards")) is null, "there is room again");
        await node.Received.WaitForAsync(Channel, "afterwards");
        await node.PublishAsync(Channel, new byte[2 * Bound]); // alone, so there is room
    }

    [Fact]
    public async Task Publish_GivenUpWhileTheClientStillHoldsIt_CountsUntilItIsSent()
    {
        await using var server = new NatsServer();
        server.SkipUnlessAvailable();
        await server.StartAsync();
        await using var node = await BackplaneNode.StartAsync(NatsFactory.Backplane(server.Url, static options => options.MaxPendingBytes = Bound));
        await node.SubscribeAsync(Channel);
        await server.PauseAsync();

        // The first ones fill the buffers of the system, and are no longer held.
        BackplaneUnavailableException? refusal = null;
        for (var i = 0; i < 128 && refusal is null; i++)
        {
            using var giveUp = new CancellationTokenSource();
            var publish = node.Backplane.PublishAsync(Channel, new byte[Bound / 2], giveUp.Token).AsTask();
            await giveUp.CancelAsync();
            refusal = await Record.ExceptionAsync(() => publish) as BackplaneUnavailableException;
        }

        await server.ResumeAsync();

        Assert.Contains($"MaxPendingBytes, which is {Bound}", refusal?.Message);
        await Eventually.TrueAsync(
            async () => await Record.ExceptionAsync(() => node.PublishAsync(Channel, "afterwards")) is null, "there is room again");
        await node.Received.WaitForAsync(Channel, "afterwards");
    }
}
