using System.Text;

namespace DistributedSockets.WebPubSub.Tests.Clients;

public sealed class SimpleClientTests(ClientCluster cluster) : IClassFixture<ClientCluster>
{
    private readonly string _group = ClientCluster.NewName("simple");

    [Fact]
    public async Task SimpleClient_InAGroup_GetsBarePayloads()
    {
        await using var simple = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token(groups: [_group])}", 1);
        var sender = await cluster.ConnectAsync();
        foreach (var data in new[] { "\"dataType\":\"text\",\"data\":\"hi\"", "\"data\":{\"a\": 1.0}", "\"dataType\":\"binary\",\"data\":\"AAE=\"" })
        {
            await sender.SendAsync($$"""{"type":"sendToGroup","group":"{{_group}}",{{data}}}""");
        }

        Assert.Equal("hi", await simple.ReceiveTextAsync(TestContext.Current.CancellationToken));
        Assert.Equal("{\"a\": 1.0}", await simple.ReceiveTextAsync(TestContext.Current.CancellationToken));
        var binary = await simple.ReceiveAsync(TestContext.Current.CancellationToken);
        Assert.Equal((false, 2), (binary.IsText, binary.Length));
    }

    [Fact]
    public async Task SimpleClient_ThatSends_RaisesTheEventMessage()
    {
        await using var simple = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token()}");
        await simple.SendAsync("{not json", TestContext.Current.CancellationToken);
        await simple.SendAsync(new byte[] { 1, 2, 3 }, TestContext.Current.CancellationToken);

        Assert.Equal("{not json", await simple.ReceiveTextAsync(TestContext.Current.CancellationToken));
        Assert.Equal(3, (await simple.ReceiveAsync(TestContext.Current.CancellationToken)).Length);
    }

    [Fact]
    public async Task SimpleClient_InTheModeSendToGroup_PublishesWhereItMay()
    {
        var member = await cluster.ConnectAsync(1, groups: [_group, _group + "x"]);
        await using var simple = await cluster.OpenAsync(
            $"/client/hubs/chat?webpubsub_mode=sendToGroup&group={_group}&access_token={cluster.Token(user: "simple", roles: [$"webpubsub.sendToGroup.{_group}"])}");
        await using var without = await cluster.OpenAsync($"/client/hubs/chat?webpubsub_mode=sendToGroup&group={_group}&access_token={cluster.Token(roles: [])}");

        await without.SendAsync("no", TestContext.Current.CancellationToken);
        await without.SendAsync("no", TestContext.Current.CancellationToken);
        await simple.SendAsync("yes", TestContext.Current.CancellationToken);

        Assert.Equal(
            $$"""{"type":"message","from":"group","group":"{{_group}}","dataType":"text","data":"yes","fromUserId":"simple"}""", await member.ReceiveTextAsync());
        Assert.Empty(await member.ReadAllAsync());
    }

    [Fact]
    public async Task ProtobufClient_AmongOthers_GetsTheSameMessages()
    {
        await using var proto = await cluster.OpenAsync(
            $"/client/hubs/chat?access_token={cluster.Token(roles: ["webpubsub.sendToGroup"], groups: [_group])}", 1, ClientCluster.ReliableProtobuf);
        var json = await cluster.ConnectAsync(groups: [_group]);
        var connected = Frames.Proto.Read((await proto.ReceiveAsync(TestContext.Current.CancellationToken)).Data.Span);

        await json.SendAsync($$$"""{"type":"sendToGroup","group":"{{{_group}}}","data":{"a":1}}""");
        var data = Frames.Proto.Part(Frames.Proto.Read((await proto.ReceiveAsync(TestContext.Current.CancellationToken)).Data.Span), 2);
        await proto.SendAsync(
            Frames.Proto.Message((1, Frames.Proto.Message((1, _group), (2, 5ul), (3, Frames.Proto.Message((1, "from proto"))), (4, true)))), TestContext.Current.CancellationToken);
        var ack = Frames.Proto.Part(Frames.Proto.Read((await proto.ReceiveAsync(TestContext.Current.CancellationToken)).Data.Span), 1);
        await proto.SendAsync(Frames.Proto.Message((9, "")), TestContext.Current.CancellationToken);

        Assert.Single(connected[3]);
        Assert.Equal((1ul, _group, """{"a":1}"""), (Frames.Proto.Number(data, 4), Frames.Proto.Text(data, 2), Encoding.UTF8.GetString((byte[])Frames.Proto.Part(data, 3)[1].Single())));
        Assert.Equal((5ul, 1ul), (Frames.Proto.Number(ack, 1), Frames.Proto.Number(ack, 2)));
        Assert.Equal([4], Frames.Proto.Read((await proto.ReceiveAsync(TestContext.Current.CancellationToken)).Data.Span).Select(static field => field.Key));
        await json.ReceiveAsync();
        Assert.Equal("from proto", (string?)(await json.ReceiveAsync())["data"]);
    }
}
