using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What is on its way to a backplane that takes its time is bounded in bytes.</summary>
public sealed class PublishBoundTests
{
    private const int Bound = 1_048_576;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Send_BeyondWhatMayBeUnderWay_IsRefusedAtOnceAndLocalConnectionsAreServed()
    {
        var cluster = new InMemoryCluster();
        var backplane = new FakeBackplane(cluster) { Swallow = true };
        await using var node = await AppNode.StartAsync(cluster, static options => options.MaxPublishingBytes = Bound, sockets => sockets.UseBackplane(_ => backplane));
        await using var client = await node.ConnectAsync("alice");
        backplane.PublishGate = new(TaskCreationOptions.RunContinuationsAsynchronously);

        var large = node.Router.SendToAllAsync(new byte[Bound], Cancellation).AsTask(); // alone, so it goes whatever its size
        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToUserAsync("alice", "small", Cancellation));

        Assert.Contains($"would be more than MaxPublishingBytes, which is {Bound}", refusal.Message);
        Assert.False(large.IsCompleted);
        Assert.Equal(Bound, (await client.ReceiveAsync()).Data.Length);
        Assert.Equal("small", await client.ReceiveTextAsync());

        backplane.PublishGate.SetResult();
        await large.WithinGuardAsync();
        await node.Router.SendToUserAsync("alice", "again", Cancellation);
    }

    [Fact]
    public async Task Send_AfterManyThatFailedOrSucceeded_HasTheWholeBoundAgain()
    {
        var cluster = new InMemoryCluster();
        var backplane = new FakeBackplane(cluster) { Swallow = true };
        await using var node = await AppNode.StartAsync(cluster, static options => options.MaxPublishingBytes = Bound, sockets => sockets.UseBackplane(_ => backplane));
        for (var i = 0; i < 8; i++)
        {
            backplane.Failure = i % 2 == 0 ? new IOException("cut") : null;
            var send = node.Router.SendToAllAsync(new byte[Bound / 2], Cancellation).AsTask();
            await send.ContinueWith(static sent => _ = sent.Exception, TaskScheduler.Default);
            Assert.Equal(i % 2 == 0, send.IsFaulted);
        }

        backplane.PublishGate = new(TaskCreationOptions.RunContinuationsAsynchronously);
        var first = node.Router.SendToAllAsync(new byte[Bound / 2], Cancellation).AsTask();
        var second = node.Router.SendToAllAsync(new byte[Bound / 4], Cancellation).AsTask();
        Assert.False(first.IsCompleted || second.IsCompleted);
        backplane.PublishGate.SetResult();
        await Task.WhenAll(first, second).WithinGuardAsync();
    }
}
