using System.Net;
using DistributedSockets.Testing;

namespace DistributedSockets.WebPubSub.Tests.Clients;

public sealed class ConnectingTests(ClientCluster cluster) : IClassFixture<ClientCluster>
{
    private static readonly string[] s_all = [ClientCluster.Json, ClientCluster.ReliableJson, ClientCluster.Protobuf, ClientCluster.ReliableProtobuf];

    public static TheoryData<string> Protocols => [.. s_all];

    [Theory]
    [MemberData(nameof(Protocols))]
    public async Task Client_OfASubprotocol_GetsItEchoed(string protocol)
    {
        await using var client = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token()}", protocols: [protocol]);

        Assert.Equal(protocol, client.SubProtocol);
        Assert.Equal(protocol.StartsWith("protobuf", StringComparison.Ordinal), !(await client.ReceiveAsync(TestContext.Current.CancellationToken)).IsText);
    }

    [Fact]
    public async Task Client_OfSeveralSubprotocols_GetsTheFirstThatIsKnown()
    {
        await using var client = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token()}", protocols: ["unknown", ClientCluster.ReliableJson, ClientCluster.Json]);

        Assert.Equal(ClientCluster.ReliableJson, client.SubProtocol);
    }

    [Fact]
    public async Task Client_OfTheJsonProtocol_IsToldWhoItIs()
    {
        var client = await cluster.ConnectAsync(user: "alice");

        Assert.Equal(["type", "event", "connectionId", "userId"], client.Hello.AsObject().Select(static property => property.Key));
        Assert.Equal(("system", "connected", "alice"), ((string?)client.Hello["type"], (string?)client.Hello["event"], (string?)client.Hello["userId"]));
        Assert.Equal(client.Socket.ConnectionId, client.ConnectionId);
    }

    [Fact]
    public async Task Client_OfTheReliableProtocol_GetsAReconnectionToken()
    {
        var client = await cluster.ConnectAsync(protocol: ClientCluster.ReliableJson);

        Assert.NotEmpty((string)client.Hello["reconnectionToken"]!);
        Assert.Null(client.Hello["userId"]);
    }

    [Theory]
    [InlineData("/client/hubs/CHAT?access_token={0}")]
    [InlineData("/client/?hub=chat&access_token={0}")]
    [InlineData("/client?hub=Chat&access_token={0}")]
    [InlineData("/client/hubs/chat?access_token={0}&unknown=1&hub=other")]
    public async Task Address_InEitherForm_IsThatOfTheHub(string address)
    {
        await using var client = await cluster.OpenAsync(string.Format(System.Globalization.CultureInfo.InvariantCulture, address, cluster.Token()), protocols: [ClientCluster.Json]);

        Assert.Contains("connected", await client.ReceiveTextAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Token_InTheHeader_IsTaken()
    {
        await using var client = await cluster.Cluster.ConnectAsync(
            0,
            "/client/hubs/chat",
            configure: options =>
            {
                options.SubProtocols.Add(ClientCluster.Json);
                options.Headers.Authorization = $"Bearer {cluster.Token("header")}";
            },
            cancellationToken: TestContext.Current.CancellationToken);

        Assert.Contains("\"userId\":\"header\"", await client.ReceiveTextAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("/client/hubs/1chat", 400)]
    [InlineData("/client/hubs/a-b", 400)]
    [InlineData("/client/hubs/a%2Fb", 400)]
    [InlineData("/client/?hub=", 400)]
    [InlineData("/client", 400)]
    [InlineData("/client/hubs/chat", 401)]
    [InlineData("/client/hubs/chat?access_token=", 401)]
    [InlineData("/client/hubs/chat?access_token=nonsense", 401)]
    [InlineData("/client/hubs/unknown", 404)]
    public async Task Address_ThatIsWrong_IsRefused(string address, int status) => Assert.Equal((HttpStatusCode)status, await RefusedAsync(address));

    [Fact]
    public async Task Token_ForAnotherHubOrRunOut_IsRefused()
    {
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(hub: "other")}"));
        Assert.Equal(HttpStatusCode.Unauthorized, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(expires: cluster.Cluster.Time.GetUtcNow())}"));
    }

    [Fact]
    public async Task Token_WithWhatNoConnectionCanHave_IsRefused()
    {
        Assert.Equal(HttpStatusCode.BadRequest, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(groups: [" "])}"));
        Assert.Equal(HttpStatusCode.BadRequest, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(groups: [new('g', 1025)])}"));
        Assert.Equal(HttpStatusCode.BadRequest, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(user: new('u', 257))}"));
        Assert.Equal(
            HttpStatusCode.BadRequest,
            await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(roles: [.. Enumerable.Range(0, 300).Select(i => $"webpubsub.sendToGroup.{i}")])}"));
    }

    [Fact]
    public async Task Token_WithTenThousandGroups_IsTakenAndOneMoreIsRefused()
    {
        string[] groups = [.. Enumerable.Range(0, 10_001).Select(i => $"many-{i}")];
        var member = await cluster.ConnectAsync(1, roles: [], groups: groups[..^1]);
        var sender = await cluster.ConnectAsync();
        await sender.AskAsync("""{"type":"sendToGroup","group":"many-9999","data":1,"ackId":1}""");

        Assert.Equal("many-9999", (string?)(await member.ReceiveAsync())["group"]);
        Assert.Equal(HttpStatusCode.BadRequest, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token(groups: groups)}"));
    }

    [Fact]
    public async Task App_ThatRefusesAClient_HasItsStatusAnswered()
    {
        Assert.Equal(HttpStatusCode.Forbidden, await RefusedAsync($"/client/hubs/chat?access_token={cluster.Token("banned")}"));
    }

    [Fact]
    public async Task App_ThatChangesAClient_HasItsWay()
    {
        var client = await cluster.ConnectAsync(user: "changed", roles: []);

        Assert.Equal("other", (string?)client.Hello["userId"]);
        await client.JoinAsync(ClientCluster.NewName("group"));
    }

    [Fact]
    public async Task Groups_OfTheToken_AreJoinedBeforeTheFirstFrame()
    {
        var (first, second) = (ClientCluster.NewName("group"), new string('ü', 600));
        foreach (var protocol in new[] { ClientCluster.Json, ClientCluster.ReliableJson })
        {
            var member = await cluster.ConnectAsync(node: 1, protocol, roles: [], groups: [first, second]);
            var sender = await cluster.ConnectAsync();

            await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{first}}","data":1,"ackId":1}""");
            await sender.AskAsync($$"""{"type":"sendToGroup","group":"{{second}}","data":2,"ackId":2}""");

            Assert.Equal(first, (string?)(await member.ReceiveAsync())["group"]);
            Assert.Equal(second, (string?)(await member.ReceiveAsync())["group"]);
        }
    }

    [Fact]
    public async Task Request_SentBeforeConnectedWasSeen_IsAnsweredBehindIt()
    {
        await using var client = await cluster.OpenAsync($"/client/hubs/chat?access_token={cluster.Token()}", protocols: [ClientCluster.Json]);
        await client.SendAsync("""{"type":"ping"}""", TestContext.Current.CancellationToken);

        Assert.Contains("connected", await client.ReceiveTextAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Equal("""{"type":"pong"}""", await client.ReceiveTextAsync(TestContext.Current.CancellationToken));
    }

    private async Task<HttpStatusCode> RefusedAsync(string address) =>
        (HttpStatusCode)(await Assert.ThrowsAsync<HandshakeRefusedException>(() => cluster.OpenAsync(address, protocols: [ClientCluster.Json]))).StatusCode;
}
