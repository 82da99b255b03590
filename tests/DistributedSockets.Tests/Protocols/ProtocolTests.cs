using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Hubs that speak a subprotocol of their own, on real sockets.</summary>
public sealed class ProtocolTests
{
    private const string Name = "brackets.example";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Message_ToClientsOfSeveralProtocols_ComesToEachInItsForm_EncodedOnceForAll(bool isCompressed)
    {
        var bodies = new object();
        var (brackets, same) = (new BracketProtocol(bodies: bodies), new BracketProtocol("same.example", bodies));
        await using var node = await StartAsync([brackets, same], isResumable: false, options => (options.EnableCompression, options.CompressionThresholdBytes) = (isCompressed, 1));
        await using var plain = await node.ConnectAsync("ann");
        List<TestClient> clients = [];
        try
        {
            for (var i = 0; i < 4; i++)
            {
                clients.Add(await ConnectAsync(node, "/chat", i % 2 == 0 ? Name : "same.example", isCompressed));
                Assert.StartsWith("begin ", await clients[i].ReceiveTextAsync());
                Assert.StartsWith("[|", await clients[i].ReceiveTextAsync()); // what the handler sends is a message, too
            }

            var written = brackets.Written + same.Written;
            var long1 = new string('x', 100_000);
            foreach (var text in (string[])["hello", "", long1])
            {
                await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text(text), new SendOptions { Metadata = "from bob"u8.ToArray() }, Cancellation);
            }

            Assert.Equal(["hello", "", long1], [await plain.ReceiveTextAsync(), await plain.ReceiveTextAsync(), await plain.ReceiveTextAsync()]);
            foreach (var client in clients)
            {
                Assert.Equal(["[from bob|hello]", "[from bob|]", $"[from bob|{long1}]"], [await client.ReceiveTextAsync(), await client.ReceiveTextAsync(), await client.ReceiveTextAsync()]);
            }

            Assert.Equal(3, brackets.Written + same.Written - written);
        }
        finally
        {
            foreach (var client in clients)
            {
                await client.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task Word_OfTheProtocol_IsSentAsItIs_AndTheLastOneComesBeforeTheClose()
    {
        await using var node = await StartAsync([new BracketProtocol()], isResumable: false);
        node.Probe.OnMessage = static (connection, message, token) => connection.SendOfProtocolAsync(message, token);
        await using var client = await ConnectAsync(node);
        var id = (await client.ReceiveTextAsync()).Split(' ')[1];
        await client.ReceiveTextAsync();

        await client.SendAsync("pong");
        Assert.Equal("pong", await client.ReceiveTextAsync());
        await node.Router.DisconnectAsync(id, WebSocketCloseStatus.PolicyViolation, "enough", Cancellation);

        Assert.Equal("end enough", await client.ReceiveTextAsync());
        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "enough"), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Session_OfAProtocol_IsResumedByItsTokenAlone_WithItsUserAndAllThatWasNotAcknowledged()
    {
        await using var node = await StartAsync([new BracketProtocol()]);
        var (id, token, first) = await BeginAsync(node, "/chat?u=ann");
        await using (first)
        {
            await node.Router.AddToGroupAsync(id, "red", Cancellation);
            foreach (var text in (string[])["one", "two"])
            {
                await node.Router.SendAsync(WebSocketTarget.Group("red"), WebSocketMessage.Text(text), new SendOptions { Metadata = "m"u8.ToArray() }, Cancellation);
            }

            Assert.Equal(["[1|m|one]", "[2|m|two]"], [await first.ReceiveTextAsync(), await first.ReceiveTextAsync()]);
            await first.SendAsync("ack 1");
            await first.SendAsync("ack 77"); // never sent, and passed over
            await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id)!.Numbers.Acknowledged.Number == 1, "the first one is acknowledged");
            first.Socket.Abort();
            await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id)!.IsAway, "the session is away");
        }

        await node.Router.SendToUserAsync("ann", "three", Cancellation);
        await using var again = await ConnectAsync(node, $"/chat?id={id}&token={token}");

        Assert.Equal($"begin {id} {token} ann", await again.ReceiveTextAsync());
        List<string> received = [];
        while (received.Count < 2)
        {
            if (await again.ReceiveTextAsync() is var text && text.Split('|').Length == 3) // what the handler sends has no number
            {
                received.Add(text);
            }
        }

        Assert.Equal(["[2|m|two]", "[3||three]"], received);
    }

    [Theory]
    [InlineData("id")]
    [InlineData("token")]
    [InlineData("form")]
    public async Task Session_ThatCannotBeResumed_IsClosedWith1008AfterTheHandshake_AndHarmsNothing(string wrong)
    {
        await using var node = await StartAsync([new BracketProtocol()]);
        var (id, token, client) = await BeginAsync(node, "/chat?u=ann");
        await using var first = client;
        var path = wrong switch
        {
            "id" => $"/chat?id={SessionId.Create()}&token={token}",
            "token" => $"/chat?id={id}&token={SessionId.CreateToken()}",
            _ => "/chat?id=%F0%9F%98%80..&token=",
        };
        await using var stranger = await ConnectAsync(node, path);

        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await stranger.ReceiveCloseAsync()).Status);
        Assert.Equal(Name, stranger.Socket.SubProtocol);
        await node.Router.SendToUserAsync("ann", "hello", Cancellation);
        Assert.Equal("[1||hello]", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Message_ThatTheProtocolDoesNotKnow_ClosesTheConnectionAndLeavesTheSession()
    {
        await using var node = await StartAsync([new BracketProtocol()]);
        var (id, _, client) = await BeginAsync(node, "/chat?u=ann");
        await using var first = client;

        await client.SendAsync("nonsense");

        Assert.StartsWith("end A message is not as", await client.ReceiveTextAsync());
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await client.ReceiveCloseAsync()).Status);
        await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id)!.IsAway, "the session is away");
    }

    [Fact]
    public async Task Close_WithoutAStatus_LeavesTheSession()
    {
        await using var node = await StartAsync([new BracketProtocol()]);
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat?u=ann", subProtocol: Name);
        await Eventually.TrueAsync(() => node.Hub.Sessions.All.SingleOrDefault()?.Connection is not null, "it is connected");

        await raw.Tcp.GetStream().WriteAsync(new byte[] { 0x88, 0x80, 0, 0, 0, 0 }, Cancellation);

        await Eventually.TrueAsync(() => node.Hub.Sessions.All.Single().IsAway, "the session is away");
    }

    [Fact]
    public async Task Gap_WhereTheProtocolHasNoWordForIt_EndsTheSession()
    {
        await using var node = await StartAsync([new BracketProtocol()], configure: static options => options.LogMaxEntriesPerTarget = 2);
        var (id, token, client) = await BeginAsync(node, "/chat?u=ann");
        await using (client)
        {
            client.Socket.Abort();
        }

        await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id)!.IsAway, "the session is away");
        for (var i = 0; i < 4; i++)
        {
            await node.Router.SendToUserAsync("ann", $"{i}", Cancellation);
        }

        await using var again = await ConnectAsync(node, $"/chat?id={id}&token={token}");
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await again.ReceiveCloseAsync()).Status);
        await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id) is null, "the session has ended");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Handled_IsRemembered_AlsoByASessionThatIsResumed(bool isResumable)
    {
        await using var node = await StartAsync([new BracketProtocol()], isResumable);
        node.Probe.OnMessage = static (connection, message, token) =>
        {
            var id = message.GetText();
            var isRepeat = connection.IsHandled(id);
            connection.SetHandled(id);
            return connection.SendOfProtocolAsync(WebSocketMessage.Text($"{id} {isRepeat}"), token);
        };
        var (id, token, client) = await BeginAsync(node, "/chat?u=ann");
        await using var first = client;
        Assert.Equal(["7 False", "7 True", "8 False"], [await AskAsync(client, "7"), await AskAsync(client, "7"), await AskAsync(client, "8")]);
        Assert.Throws<ArgumentException>(() => node.Probe.Connections[id].SetHandled("not an id"));
        if (isResumable)
        {
            client.Socket.Abort();
            await Eventually.TrueAsync(() => node.Hub.Sessions.Find(id)!.IsAway, "the session is away");
            await using var again = await ConnectAsync(node, $"/chat?id={id}&token={token}");
            await again.ReceiveTextAsync();
            await again.ReceiveTextAsync();
            Assert.Equal("7 True", await AskAsync(again, "7"));
        }

        static async Task<string> AskAsync(TestClient client, string text)
        {
            await client.SendAsync(text);
            return await client.ReceiveTextAsync();
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Filter_OfASend_IsAskedForEachConnectionOfEachNode(bool isLogged)
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync([], isResumable: isLogged, cluster: cluster);
        await using var other = await StartAsync([], isResumable: isLogged, cluster: cluster);
        await using var ann = await node.ConnectAsync("ann");
        await using var ben = await node.ConnectAsync("ben");
        await using var cid = await other.ConnectAsync("cid");
        await node.Router.AddToGroupAsync(ann.Id, "vip", Cancellation);
        await node.Router.AddToGroupAsync(cid.Id, "vip", Cancellation);

        foreach (var target in (WebSocketTarget[])[WebSocketTarget.All, WebSocketTarget.Users(["ann", "ben", "cid"]), WebSocketTarget.Connections([ann.Id, ben.Id, cid.Id]), WebSocketTarget.Connection(ben.Id)])
        {
            await node.Router.SendAsync(target, WebSocketMessage.Text($"vip of {target.Kind}"), new SendOptions { Filter = "vip", IsLogged = isLogged }, Cancellation);
        }

        await node.Router.SendToAllAsync("end", Cancellation);
        foreach (var client in (TestClient[])[ann, cid])
        {
            List<string> received = [];
            while (received.Count < 4)
            {
                received.Add(await client.ReceiveTextAsync());
            }

            Assert.Equal(["vip of All", "vip of Users", "vip of Connections", "end"], received.Order(StringComparer.Ordinal).OrderBy(static text => text == "end").ThenBy(static text => text.Length));
        }

        Assert.Equal("end", await ben.ReceiveTextAsync());
    }

    [Fact]
    public async Task Filter_ForASessionThatIsAway_IsAskedForWhatItWasWhereTheMessageStands()
    {
        await using var node = await StartAsync([]);
        var client = await SessionClient.ConnectAsync(node, user: "ann");
        await client.VanishAsync(node);
        await SendAsync("before");
        await node.Router.AddToGroupAsync(client.Id, "vip", Cancellation);
        await SendAsync("within");
        await node.Router.RemoveFromGroupAsync(client.Id, "vip", Cancellation);
        await SendAsync("behind");
        await node.Router.SendToUserAsync("ann", "end", Cancellation);

        await using var again = await SessionClient.ConnectAsync(node, client, "ann");

        Assert.Equal(["1 within", "2 end"], await again.NextAsync(2));

        ValueTask<SendResult> SendAsync(string text) => node.Router.SendAsync(WebSocketTarget.User("ann"), WebSocketMessage.Text(text), new SendOptions { Filter = "vip" }, Cancellation);
    }

    [Fact]
    public async Task Send_WhoseFilterOrMetadataCannotBe_IsRefusedWithAWord()
    {
        await using var node = await StartAsync([], isResumable: false);
        await using var without = await AppNode.StartAsync();

        await Assert.ThrowsAsync<ArgumentException>(() => SendAsync(node, new() { Filter = "bad" }));
        await Assert.ThrowsAsync<ArgumentException>(() => SendAsync(node, new() { Filter = "" }));
        await Assert.ThrowsAsync<ArgumentException>(() => SendAsync(node, new() { Filter = new('x', 16_385) }));
        await Assert.ThrowsAsync<ArgumentException>(() => SendAsync(node, new() { Metadata = new byte[16_385] }));
        var failure = await Assert.ThrowsAsync<InvalidOperationException>(() => SendAsync(without, new() { Filter = "vip" }));
        Assert.Contains("HubOptions.RecipientFilters", failure.Message);

        static Task SendAsync(AppNode node, SendOptions options) => node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("x"), options, Cancellation).AsTask();
    }

    [Fact]
    public async Task Filter_FromANodeThatKnowsMore_ReachesNobodyWhereItCannotBeRead()
    {
        var cluster = new InMemoryCluster();
        await using var node = await StartAsync([], isResumable: false, cluster: cluster);
        await using var without = await AppNode.StartAsync(cluster);
        await using var client = await without.ConnectAsync("ann");

        await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("for some"), new SendOptions { Filter = "vip" }, Cancellation);
        await node.Router.SendToAllAsync("for all", Cancellation);

        Assert.Equal("for all", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Protocol_ThatThrows_CostsItsClientsThatMessageAndNobodyElseAnything(bool isResumable)
    {
        await using var node = await StartAsync([new BracketProtocol()], isResumable);
        await using var before = await node.ConnectAsync("ann");
        var (id, _, client) = await BeginAsync(node, "/chat?u=ann");
        await using var first = client;
        await using var behind = await node.ConnectAsync("ann");

        foreach (var text in (string[])["one", "cannot be encoded", "three"])
        {
            await node.Router.SendToUserAsync("ann", text, Cancellation);
        }

        Assert.Equal(isResumable ? "[1||one]" : "[|one]", await client.ReceiveTextAsync());
        Assert.Equal(isResumable ? "[3||three]" : "[|three]", await client.ReceiveTextAsync());
        foreach (var plain in (TestClient[])[before, behind])
        {
            Assert.Equal(["one", "cannot be encoded", "three"], [await plain.ReceiveTextAsync(), await plain.ReceiveTextAsync(), await plain.ReceiveTextAsync()]);
        }

        Assert.Contains(node.Logs.GetSnapshot(), static record => record.Id.Id == 128);
        await node.Router.DisconnectAsync(id, WebSocketCloseStatus.PolicyViolation, "no word", Cancellation);
        Assert.Equal((WebSocketCloseStatus.PolicyViolation, "no word"), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Filter_ThatThrows_LetsNobodyHaveTheMessageAndHarmsNoOther()
    {
        await using var node = await StartAsync([], isResumable: false);
        await using var client = await node.ConnectAsync("ann");

        await node.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("x"), new SendOptions { Filter = "throws" }, Cancellation);
        await node.Router.SendToAllAsync("end", Cancellation);

        Assert.Equal("end", await client.ReceiveTextAsync());
    }

    [Fact]
    public void Name_ThatIsNoToken_IsRefused() => Assert.Throws<ArgumentException>(static () => new BracketProtocol("no token"));

    private static Task<AppNode> StartAsync(
        IReadOnlyList<WebSocketProtocol> protocols, bool isResumable = true, Action<HubOptions>? configure = null, InMemoryCluster? cluster = null) => AppNode.StartAsync(
        cluster,
        build: sockets => sockets.AddHub<ProbeHandler>(hub =>
        {
            (hub.EnableResume, hub.LogUsers) = (isResumable, isResumable);
            if (isResumable)
            {
                hub.LoggedGroups.Add("*");
            }

            hub.RecipientFilters = Filters();
            foreach (var protocol in protocols)
            {
                hub.Protocols.Add(protocol);
            }

            configure?.Invoke(hub);
        }));

    /// <summary>A language of one word, the group that one has to be in.</summary>
    private static IRecipientFilterFactory Filters()
    {
        var filters = new Mock<IRecipientFilterFactory>();
        filters.Setup(static factory => factory.Parse("bad")).Throws<FormatException>();
        filters.Setup(static factory => factory.Parse("throws")).Returns(() =>
        {
            var filter = new Mock<IRecipientFilter>();
            filter.Setup(static mock => mock.Matches(It.IsAny<IRecipient>())).Throws<InvalidOperationException>();
            return filter.Object;
        });
        filters.Setup(static factory => factory.Parse("vip")).Returns(() =>
        {
            var filter = new Mock<IRecipientFilter>();
            filter.Setup(static mock => mock.Matches(It.IsAny<IRecipient>())).Returns(static (IRecipient recipient) => recipient.GroupCount > 0 && recipient.IsIn("vip"));
            return filter.Object;
        });
        return filters.Object;
    }

    private static Task<TestClient> ConnectAsync(AppNode node, string path = "/chat", string protocol = Name, bool isCompressed = false) => TestClient.ConnectAsync(
        node.Address,
        path,
        options =>
        {
            options.AddSubProtocol(protocol);
            options.DangerousDeflateOptions = isCompressed ? new() : null;
        },
        readId: false);

    private static async Task<(string Id, string Token, TestClient Client)> BeginAsync(AppNode node, string path)
    {
        var client = await ConnectAsync(node, path);
        var words = (await client.ReceiveTextAsync()).Split(' ');
        Assert.Equal(["begin", "ann"], [words[0], words[3]]);
        await client.ReceiveTextAsync();
        return (words[1], words[2], client);
    }
}
