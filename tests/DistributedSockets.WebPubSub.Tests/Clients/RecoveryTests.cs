using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub.Tests.Clients;

public sealed class RecoveryTests(ClientCluster cluster) : IClassFixture<ClientCluster>
{
    private readonly string _group = ClientCluster.NewName("recovery");

    [Fact]
    public async Task Numbers_OfASession_AreOneSeriesOverGroupAndServer()
    {
        var client = await ReliableAsync(user: _group);

        await PublishAsync("1");
        await cluster.Cluster[1].GetRouter("chat").SendToUserAsync(_group, "2", cancellationToken: TestContext.Current.CancellationToken);
        await client.SendAsync("""{"type":"ping"}""");
        await client.SendAsync("""{"type":"event","event":"echo","data":3}""");
        var frames = new List<string>();
        while (frames.Count < 4)
        {
            frames.Add(await client.ReceiveTextAsync());
        }

        Assert.Equal([1, 2, 3], frames.Select(frame => System.Text.Json.Nodes.JsonNode.Parse(frame)!["sequenceId"]).Where(id => id is not null).Select(id => (int)id!));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Client_ThatComesBack_GetsWhatItHasNotAcknowledgedAndThenTheRest(int node)
    {
        var client = await ReliableAsync(user: "back");
        await PublishAsync("1", "2", "3");
        Assert.Equal([1, 2, 3], await NumbersAsync(client, 3));
        await client.SendAsync("""{"type":"sequenceAck","sequenceId":2}""");
        await client.SendAsync("""{"type":"sequenceAck","sequenceId":1}"""); // a stale one does no harm
        await client.SendAsync("""{"type":"sequenceAck","sequenceId":9000}"""); // nor one of the future
        Assert.Empty(await client.ReadAllAsync());
        client.Socket.Abort();
        await PublishAsync("4");

        var recovered = await client.RecoverAsync(node);
        var hello = await recovered.ReceiveAsync();
        await PublishAsync("5");

        Assert.Equal(("connected", client.ConnectionId, "back"), ((string?)hello["event"], (string?)hello["connectionId"], (string?)hello["userId"]));
        Assert.NotEmpty((string)hello["reconnectionToken"]!);
        for (var i = 3; i <= 5; i++)
        {
            var frame = await recovered.ReceiveAsync();
            Assert.Equal((i, i), ((int)frame["sequenceId"]!, (int)frame["data"]!));
        }

        Assert.Empty(await recovered.ReadAllAsync());
    }

    [Fact]
    public async Task Client_ThatComesBackTwice_MayShowTheFirstTokenAgain()
    {
        var client = await ReliableAsync();
        client.Socket.Abort();
        var second = await client.RecoverAsync(1);
        await second.ReceiveAsync();
        second.Socket.Abort();
        var third = await client.RecoverAsync(0);

        Assert.Equal(client.ConnectionId, (string?)(await third.ReceiveAsync())["connectionId"]);
    }

    [Fact]
    public async Task Client_ThatComesBack_StillMayDoAndHasDoneWhatItHad()
    {
        var client = await ReliableAsync(roles: [$"webpubsub.sendToGroup.{_group}"]);
        var frame = $$"""{"type":"sendToGroup","group":"{{_group}}","data":1,"ackId":77}""";
        Assert.True((bool)(await client.AskAsync(frame, []))["success"]!);
        client.Socket.Abort();

        var recovered = await client.RecoverAsync(1);
        Assert.Equal("Duplicate", (string?)(await recovered.AskAsync(frame))["error"]!["name"]);
        Assert.True((bool)(await recovered.AskAsync(frame.Replace("77", "78", StringComparison.Ordinal)))["success"]!);
        Assert.Equal("Forbidden", (string?)(await recovered.AskAsync($$"""{"type":"joinGroup","group":"{{_group}}","ackId":79}"""))["error"]!["name"]);
    }

    [Fact]
    public async Task Client_WithoutAccessTokenOrWithAnOldOne_ComesBack()
    {
        var client = await ReliableAsync();
        client.Socket.Abort();
        var token = Uri.EscapeDataString((string)client.Hello["reconnectionToken"]!);
        foreach (var access in new[] { "", "access_token=old&" })
        {
            await using var socket = await cluster.OpenAsync(
                $"/client/hubs/chat?{access}awps_connection_id={client.ConnectionId}&awps_reconnection_token={token}", 1, ClientCluster.ReliableJson);
            Assert.Contains(client.ConnectionId, await socket.ReceiveTextAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Recovery_ThatCanNeverSucceed_IsAcceptedAndClosedWith1008AndHarmsNobody()
    {
        var client = await ReliableAsync();
        var (id, token) = (client.ConnectionId, Uri.EscapeDataString((string)client.Hello["reconnectionToken"]!));
        var plain = await cluster.ConnectAsync();
        foreach (var (address, protocol) in new[]
        {
            ($"chat?awps_connection_id={id}&awps_reconnection_token=wrong", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id={id}", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id=&awps_reconnection_token={token}", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id=unknown&awps_reconnection_token={token}", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id={new string('x', 5000)}&awps_reconnection_token={token}", ClientCluster.ReliableJson),
            ($"other?awps_connection_id={id}&awps_reconnection_token={token}", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id={plain.ConnectionId}&awps_reconnection_token={token}", ClientCluster.ReliableJson),
            ($"chat?awps_connection_id={id}&awps_reconnection_token={token}", ClientCluster.Json),
            ($"chat?awps_connection_id={id}&awps_reconnection_token={token}", "unknown"),
        })
        {
            await using var socket = await cluster.OpenAsync($"/client/hubs/{address}", 1, protocol);
            Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
        }

        Assert.Empty(await client.ReadAllAsync());
        Assert.Empty(await plain.ReadAllAsync());
    }

    [Fact]
    public async Task Close_With1001_LeavesTheSessionAndOneWith1000OrAViolationEndsIt()
    {
        var (stays, violates, ends) = (await ReliableAsync(), await ReliableAsync(), await ReliableAsync());
        await stays.Socket.CloseAsync(WebSocketCloseStatus.EndpointUnavailable, null, TestContext.Current.CancellationToken);
        await violates.Socket.CloseAsync(WebSocketCloseStatus.Empty, null, TestContext.Current.CancellationToken); // which the platform writes as 1005, and that may not be in a frame
        await violates.Socket.WaitForServerAsync(TestContext.Current.CancellationToken);
        await ends.Socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, TestContext.Current.CancellationToken);
        await ends.Socket.WaitForServerAsync(TestContext.Current.CancellationToken);

        Assert.Equal(stays.ConnectionId, (string?)(await (await stays.RecoverAsync(1)).ReceiveAsync())["connectionId"]);
        foreach (var client in (JsonClient[])[violates, ends])
        {
            Assert.Equal(
                WebSocketCloseStatus.PolicyViolation, (await (await client.RecoverAsync(1)).Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Recovery_WhileTheOldSocketIsOpen_TakesTheSession(int node)
    {
        var client = await ReliableAsync();
        await PublishAsync("1");
        Assert.Equal([1], await NumbersAsync(client, 1));

        var recovered = await client.RecoverAsync(node);
        await recovered.ReceiveAsync();
        Assert.Equal([1], await NumbersAsync(recovered, 1)); // though the old socket has taken it
        await client.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken);
        await PublishAsync("2");

        Assert.Equal([2], await NumbersAsync(recovered, 1));
    }

    [Fact]
    public async Task Session_ThatTheAppHasClosed_CannotBeRecovered()
    {
        var client = await ReliableAsync();
        await cluster.Cluster[1].GetRouter("chat").DisconnectAsync(
            client.ConnectionId, WebSocketCloseStatus.PolicyViolation, "enough", TestContext.Current.CancellationToken);
        await client.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken);

        Assert.Equal(
            WebSocketCloseStatus.PolicyViolation, (await (await client.RecoverAsync(1)).Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
    }

    private async Task<JsonClient> ReliableAsync(string? user = null, string[]? roles = null) =>
        await cluster.ConnectAsync(0, ClientCluster.ReliableJson, user, roles, groups: [_group]);

    private async Task PublishAsync(params string[] data)
    {
        var sender = await cluster.ConnectAsync(1);
        foreach (var value in data)
        {
            var ack = await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":{{value}},"ackId":{{value}}}""");
            Assert.True((bool)ack["success"]!);
        }
    }

    private static async Task<List<int>> NumbersAsync(JsonClient client, int count)
    {
        var numbers = new List<int>();
        while (numbers.Count < count)
        {
            numbers.Add((int)(await client.ReceiveAsync())["sequenceId"]!);
        }

        return numbers;
    }
}
