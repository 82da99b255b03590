using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub.Tests.Clients;

/// <summary>What needs a cluster of its own: nodes that die, and time that passes.</summary>
public sealed class NodeLossTests : IAsyncLifetime
{
    private readonly ClientCluster _cluster = new();

    public ValueTask InitializeAsync() => _cluster.InitializeAsync();

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task Client_OfANodeThatDies_MissesNothingAtTheOther()
    {
        var client = await _cluster.ConnectAsync(0, ClientCluster.ReliableJson, "alice", groups: ["room"]);
        var sender = await _cluster.ConnectAsync(1);
        await sender.AskAsync("""{"type":"sendToGroup","group":"room","data":1,"ackId":1}""");
        Assert.Equal(1, (int)(await client.ReceiveAsync())["sequenceId"]!);

        await _cluster.Cluster.CrashAsync(0);
        await sender.AskAsync("""{"type":"sendToGroup","group":"room","data":2,"ackId":2}""");
        var recovered = await client.RecoverAsync(1);
        Assert.Equal(client.ConnectionId, (string?)(await recovered.ReceiveAsync())["connectionId"]);
        for (var i = 1; i <= 2; i++)
        {
            var frame = await recovered.ReceiveAsync();
            Assert.Equal((i, i), ((int)frame["sequenceId"]!, (int)frame["data"]!));
        }
    }

    [Fact]
    public async Task Session_BehindItsWindow_CannotBeRecovered()
    {
        var client = await _cluster.ConnectAsync(0, ClientCluster.ReliableJson);
        client.Socket.Abort();
        await client.Socket.WaitForServerAsync(TestContext.Current.CancellationToken);
        await _cluster.Cluster.AdvanceAsync(TimeSpan.FromSeconds(29), TestContext.Current.CancellationToken);
        var recovered = await client.RecoverAsync(1);
        Assert.Equal(client.ConnectionId, (string?)(await recovered.ReceiveAsync())["connectionId"]);
        recovered.Socket.Abort();
        await recovered.Socket.WaitForServerAsync(TestContext.Current.CancellationToken);
        await _cluster.Cluster.AdvanceAsync(TimeSpan.FromSeconds(40), TestContext.Current.CancellationToken);

        var late = await client.RecoverAsync(0);

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await late.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
    }
}
