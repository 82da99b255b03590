using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub.Tests.Clients;

public sealed class RequestTests(ClientCluster cluster) : IClassFixture<ClientCluster>
{
    private readonly string _group = ClientCluster.NewName("group");

    public static TheoryData<string> JsonProtocols => [ClientCluster.Json, ClientCluster.ReliableJson];

    [Theory]
    [MemberData(nameof(JsonProtocols))]
    public async Task SendToGroup_ToMembersOnBothNodes_ReachesEachOnce(string protocol)
    {
        var sender = await cluster.ConnectAsync(0, protocol, user: "alice");
        var here = await cluster.ConnectAsync(0, ClientCluster.Json);
        var there = await cluster.ConnectAsync(1, ClientCluster.ReliableJson);
        await here.JoinAsync(_group);
        await there.JoinAsync(_group);

        var ack = await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":{"a": 1.50},"ackId":18446744073709551615}""");

        Assert.Equal("""{"type":"ack","ackId":18446744073709551615,"success":true}""", ack.ToJsonString());
        var expected = $$"""type":"message","from":"group","group":"{{_group}}","dataType":"json","data":{"a": 1.50},"fromUserId":"alice"}""";
        Assert.Equal($$"""{"{{expected}}""", await here.ReceiveTextAsync());
        Assert.Equal($$"""{"sequenceId":1,"{{expected}}""", await there.ReceiveTextAsync());
        Assert.Empty(await here.ReadAllAsync());
        Assert.Empty(await sender.ReadAllAsync()); // sending needs no membership
    }

    [Theory]
    [InlineData("\"dataType\":\"text\",\"data\":\"\"", "\"dataType\":\"text\",\"data\":\"\"")]
    [InlineData("\"dataType\":\"text\",\"data\":\"\\u00e4\\n\"", "\"dataType\":\"text\",\"data\":\"ä\\n\"")]
    [InlineData("\"dataType\":\"binary\",\"data\":\"\"", "\"dataType\":\"binary\",\"data\":\"\"")]
    [InlineData("\"dataType\":\"binary\",\"data\":\"AAH/\"", "\"dataType\":\"binary\",\"data\":\"AAH/\"")]
    [InlineData("\"data\":0", "\"dataType\":\"json\",\"data\":0")]
    [InlineData("\"data\":false", "\"dataType\":\"json\",\"data\":false")]
    [InlineData("\"data\":[]", "\"dataType\":\"json\",\"data\":[]")]
    [InlineData("\"data\":\"\"", "\"dataType\":\"json\",\"data\":\"\"")]
    public async Task SendToGroup_OfAnyData_ArrivesAsItWasSent(string sent, string received)
    {
        var client = await cluster.ConnectAsync();
        await client.JoinAsync(_group);

        await client.SendAsync($$"""{"type":"sendToGroup","group":"{{_group}}",{{sent}}}""");

        Assert.Equal($$"""{"type":"message","from":"group","group":"{{_group}}",{{received}}}""", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task SendToGroup_WithNoEcho_SparesTheConnectionAndNotItsUser()
    {
        var sender = await cluster.ConnectAsync(user: "twice");
        var other = await cluster.ConnectAsync(1, user: "twice");
        await sender.JoinAsync(_group);
        await other.JoinAsync(_group);

        await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":1,"noEcho":true,"ackId":1}""");
        await other.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":2,"ackId":1}""", []);

        Assert.Equal(2, (int)(await sender.ReceiveAsync())["data"]!);
    }

    [Fact]
    public async Task SendToGroup_WithMetadata_ArrivesWithIt()
    {
        var client = await cluster.ConnectAsync();
        await client.JoinAsync(_group);

        await client.SendAsync($$$"""{"type":"sendToGroup","group":"{{{_group}}}","data":1,"ttlSeconds":60,"metadata":{"a":"b"}}""");

        Assert.Equal("""{"a":"b"}""", (await client.ReceiveAsync())["metadata"]!.ToJsonString());
    }

    [Theory]
    [MemberData(nameof(JsonProtocols))]
    public async Task LeaveGroup_OfAMemberAndOfNone_Succeeds(string protocol)
    {
        var client = await cluster.ConnectAsync(1, protocol);
        var sender = await cluster.ConnectAsync();
        await client.JoinAsync(_group, 1);
        await client.JoinAsync(_group, 2);

        Assert.True((bool)(await client.AskAsync($$"""{"type":"leaveGroup","group":"{{_group}}","ackId":3}"""))["success"]!);
        Assert.True((bool)(await client.AskAsync($$"""{"type":"leaveGroup","group":"{{_group}}","ackId":4}"""))["success"]!);
        await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":1,"ackId":1}""");

        Assert.Empty(await client.ReadAllAsync());
    }

    [Theory]
    [MemberData(nameof(JsonProtocols))]
    public async Task Request_RepeatedUnderItsAckId_IsADuplicateWhateverItIs(string protocol)
    {
        var client = await cluster.ConnectAsync(0, protocol);
        await client.JoinAsync(_group, 7);
        var others = new List<string>();

        var ack = await client.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":1,"ackId":7}""", others);

        Assert.Equal((false, "Duplicate", 7), ((bool)ack["success"]!, (string?)ack["error"]!["name"], (int)ack["ackId"]!));
        Assert.NotEmpty((string)ack["error"]!["message"]!);
        others.AddRange(await client.ReadAllAsync());
        Assert.Empty(others);
    }

    [Fact]
    public async Task Request_ThatWasRefused_IsNoDuplicateWhenItComesAgain()
    {
        var client = await cluster.ConnectAsync(roles: []);
        for (var i = 0; i < 2; i++)
        {
            foreach (var frame in new[] { "joinGroup", "leaveGroup", "sendToGroup" })
            {
                var ack = await client.AskAsync($$"""{"type":"{{frame}}","group":"{{_group}}","data":1,"ackId":1}""");
                Assert.Equal((false, "Forbidden"), ((bool)ack["success"]!, (string?)ack["error"]!["name"]));
            }
        }

        Assert.Empty(await client.ReadAllAsync()); // and the connection is open
    }

    [Fact]
    public async Task Request_WithoutAckId_IsNeverAnswered()
    {
        var client = await cluster.ConnectAsync(roles: ["webpubsub.sendToGroup"]);
        await client.SendAsync($$"""{"type":"joinGroup","group":"{{_group}}"}""");
        await client.SendAsync($$"""{"type":"sendToGroup","group":"{{_group}}","data":1}""");
        await client.SendAsync("""{"type":"event","event":"boom","data":1}""");
        await client.SendAsync("""{"type":"event","event":"silent","data":1}""");
        await client.SendAsync("""{"type":"sequenceAck","sequenceId":7}""");

        Assert.Empty(await client.ReadAllAsync());
    }

    [Fact]
    public async Task Roles_ForOneGroup_AreForThatOneAlone()
    {
        var client = await cluster.ConnectAsync(roles: [$"webpubsub.joinLeaveGroup.{_group}.a", $"webpubsub.sendToGroups.{_group}.*"]);

        Assert.True((bool)(await client.AskAsync($$"""{"type":"joinGroup","group":"{{_group}}.a","ackId":1}"""))["success"]!);
        Assert.False((bool)(await client.AskAsync($$"""{"type":"joinGroup","group":"{{_group}}","ackId":2}"""))["success"]!);
        Assert.True((bool)(await client.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}.b","data":1,"ackId":3}"""))["success"]!);
        Assert.False((bool)(await client.AskAsync($$"""{"type":"sendToGroup","group":"{{_group}}.b.c","data":1,"ackId":4}"""))["success"]!);
    }

    [Theory]
    [MemberData(nameof(JsonProtocols))]
    public async Task Event_ThatIsAnswered_GetsAServerMessageAndTheAck(string protocol)
    {
        var client = await cluster.ConnectAsync(0, protocol, roles: []);
        var others = new List<string>();

        var ack = await client.AskAsync("""{"type":"event","event":"echo","dataType":"text","data":"hi","ackId":1}""", others);
        if (protocol == ClientCluster.Json)
        {
            Assert.Single(others); // the answer comes first
        }

        var repeat = await client.AskAsync("""{"type":"event","event":"echo","dataType":"text","data":"hi","ackId":1}""", others);
        while (others.Count == 0)
        {
            others.Add(await client.ReceiveTextAsync()); // by the log, which an ack does not wait for
        }

        others.AddRange(await client.ReadAllAsync());
        Assert.True((bool)ack["success"]!);
        Assert.Equal("Duplicate", (string?)repeat["error"]!["name"]);
        Assert.EndsWith("""type":"message","from":"server","dataType":"text","data":"hi"}""", Assert.Single(others));
    }

    [Theory]
    [InlineData("silent", true)]
    [InlineData("boom", false)]
    [InlineData("nobody", false)]
    public async Task Event_ThatIsNotAnswered_GetsTheAckAlone(string name, bool isSuccess)
    {
        var client = await cluster.ConnectAsync(roles: []);

        var ack = await client.AskAsync($$"""{"type":"event","event":"{{name}}","data":1,"ackId":1}""");

        Assert.Equal((isSuccess, isSuccess ? null : "InternalServerError"), ((bool)ack["success"]!, (string?)ack["error"]?["name"]));
        Assert.DoesNotContain("secret", ack.ToJsonString());
        Assert.Empty(await client.ReadAllAsync());
    }

    [Theory]
    [InlineData("{", 1007)]
    [InlineData("""{"type":"unknown"}""", 1007)]
    [InlineData("""{"type":"joinGroup","ackId":1}""", 1007)]
    [InlineData("""{"type":"event","event":"1","data":1}""", 1007)]
    public async Task Frame_ThatIsNone_EndsTheSession(string frame, int status)
    {
        foreach (var protocol in new[] { ClientCluster.Json, ClientCluster.ReliableJson })
        {
            var client = await cluster.ConnectAsync(0, protocol);
            await client.SendAsync(frame);

            Assert.Equal("disconnected", (string?)(await client.ReceiveAsync())["event"]);
            Assert.Equal((WebSocketCloseStatus)status, (await client.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
            if (protocol == ClientCluster.ReliableJson)
            {
                await client.Socket.WaitForServerAsync(TestContext.Current.CancellationToken);
                var recovered = await client.RecoverAsync(1);
                Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await recovered.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
            }
        }
    }

    [Fact]
    public async Task Message_OfTheWrongKind_ClosesWith1003()
    {
        var json = await cluster.ConnectAsync();
        await json.Socket.SendAsync(new byte[] { 1 }, TestContext.Current.CancellationToken);
        await using var proto = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token()}", 0, ClientCluster.Protobuf);
        await proto.SendAsync("text", TestContext.Current.CancellationToken);

        Assert.Equal(WebSocketCloseStatus.InvalidMessageType, (await json.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
        Assert.Equal(WebSocketCloseStatus.InvalidMessageType, (await proto.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task Message_OfOneMebibyte_IsTakenAndALongerOneClosesWith1009()
    {
        var client = await cluster.ConnectAsync();
        var frame = """{"type":"ping","x":""}""";
        await client.SendAsync(frame.Insert(20, new string('x', 1_048_576 - frame.Length)));
        Assert.Equal("pong", (string?)(await client.ReceiveAsync())["type"]);
        await client.SendAsync(frame.Insert(20, new string('x', 1_048_577 - frame.Length)));

        Assert.Equal(WebSocketCloseStatus.MessageTooBig, (await client.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
    }

    [Fact]
    public async Task Invocation_OfTheApp_IsAnswered()
    {
        var client = await cluster.ConnectAsync(roles: []);

        await client.SendAsync("""{"type":"invoke","invocationId":"1","target":"event","event":"echo","dataType":"json","data":{"a":1}}""");
        Assert.Equal("""{"type":"invokeResponse","invocationId":"1","success":true,"dataType":"json","data":{"a":1}}""", await client.ReceiveTextAsync());
        await client.SendAsync("""{"type":"invoke","invocationId":"2","target":"event","event":"silent"}""");
        Assert.Equal("""{"type":"invokeResponse","invocationId":"2","success":true}""", await client.ReceiveTextAsync());
        await client.SendAsync("""{"type":"invoke","invocationId":"3","target":"event","event":"boom"}""");
        var failure = await client.ReceiveAsync();
        Assert.Equal((false, "InternalServerError"), ((bool)failure["success"]!, (string?)failure["error"]!["name"]));
        Assert.DoesNotContain("secret", failure.ToJsonString());
    }

    [Fact]
    public async Task Invocation_ThatIsCancelled_IsNotAnsweredAndHoldsUpNobody()
    {
        var client = await cluster.ConnectAsync(roles: []);
        await client.SendAsync("""{"type":"invoke","invocationId":"1","target":"event","event":"wait"}""");
        await cluster.Events.Waiting.Task.WaitAsync(TestContext.Current.CancellationToken);
        await client.SendAsync("""{"type":"invoke","invocationId":"1","target":"event","event":"echo"}""");
        Assert.Equal("BadRequest", (string?)(await client.ReceiveAsync())["error"]!["name"]); // its id is in use
        await client.SendAsync("""{"type":"cancelInvocation","invocationId":"1"}""");
        await cluster.Events.Cancelled.Task.WaitAsync(TestContext.Current.CancellationToken);

        Assert.Empty(await client.ReadAllAsync());
    }

    [Fact]
    public async Task Router_OfTheApp_ReachesClientsAsTheServer()
    {
        var json = await cluster.ConnectAsync(0, ClientCluster.Json, user: _group);
        var reliable = await cluster.ConnectAsync(1, ClientCluster.ReliableJson, user: _group);

        await cluster.Cluster[0].GetRouter("chat").SendToUserAsync(_group, "hello", cancellationToken: TestContext.Current.CancellationToken);

        Assert.Equal("""{"type":"message","from":"server","dataType":"text","data":"hello"}""", await json.ReceiveTextAsync());
        Assert.Equal("""{"sequenceId":1,"type":"message","from":"server","dataType":"text","data":"hello"}""", await reliable.ReceiveTextAsync());
    }

    [Fact]
    public async Task App_ThatClosesAConnection_HasItToldWhyAndClosedWith1008()
    {
        foreach (var protocol in new[] { ClientCluster.Json, ClientCluster.ReliableJson })
        {
            var client = await cluster.ConnectAsync(1, protocol);
            await cluster.Cluster[0].GetRouter("chat").DisconnectAsync(
                client.ConnectionId, WebSocketCloseStatus.PolicyViolation, "enough", TestContext.Current.CancellationToken);

            Assert.Equal("""{"type":"system","event":"disconnected","message":"enough"}""", await client.ReceiveTextAsync());
            Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await client.Socket.WaitForCloseAsync(TestContext.Current.CancellationToken)).Status);
        }
    }
}
