using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>Hubs with a log in a cluster of one process.</summary>
public sealed class FakeClusterLogTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task LoggedSend_WhileTheBackplaneIsCut_ReachesAllNodesAndNothingIsLost()
    {
        await using var cluster = await StartAsync();
        var (near, far) = (await cluster.ConnectAsync(0, "/raw", cancellationToken: Cancellation), await cluster.ConnectAsync(1, "/raw", cancellationToken: Cancellation));

        cluster.CutBackplane();
        await cluster[0].Router.SendToAllAsync("logged", Cancellation);

        Assert.Equal("logged", await near.ReceiveTextAsync(Cancellation));
        Assert.Equal("logged", await far.ReceiveTextAsync(Cancellation));
        Assert.Empty(cluster.PossibleLosses);
    }

    [Fact]
    public async Task Node_ThatWasKilled_AppendsNothingAndTheOthersGoOn()
    {
        await using var cluster = await StartAsync();
        var far = await cluster.ConnectAsync(1, "/raw", cancellationToken: Cancellation);
        await cluster.CrashAsync(0);

        var never = cluster[0].Router.SendToAllAsync("from the dead", Cancellation).AsTask();
        await cluster[1].Router.SendToAllAsync("from the living", Cancellation);

        Assert.Equal("from the living", await far.ReceiveTextAsync(Cancellation));
        Assert.False(never.IsCompletedSuccessfully);
        never.Observe();
    }

    private static Task<FakeCluster> StartAsync() => FakeCluster.StartAsync(
        nodes: 2,
        static options => options
            .ConfigureSockets(static sockets => sockets.AddHub("default", static hub => hub.LogAll = true))
            .ConfigureApp(static app => app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => connection.SendAsync(message, token))),
        cancellationToken: Cancellation);
}
