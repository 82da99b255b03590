using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Serialization;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Tests;

/// <summary>Every target, seen by clients on the sender's node and on another one, over one routing strategy.</summary>
public abstract class SendSuite(RoutingStrategy routing) : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly List<TestClient> _clients = [];
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await AppNode.StartAsync(_cluster, options => options.Lanes = 1, sockets => sockets.ConfigureCluster(common => common.Routing = routing));
        _there = await AppNode.StartAsync(_cluster, options => options.Lanes = 1, sockets => sockets.ConfigureCluster(common => common.Routing = routing));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await _here.DisposeAsync();
        await _there.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task SendToAll_ConnectionsOnTwoNodes_EachGetsOneCopy()
    {
        TestClient[] clients = [await OpenAsync(_here), await OpenAsync(_here), await OpenAsync(_there), await OpenAsync(_there)];

        await _here.Router.SendToAllAsync("to all", Cancellation);

        await AssertOnlyAsync("to all", clients);
    }

    [Fact]
    public async Task SendToUser_SeveralConnectionsOnSeveralNodes_ReachesAllOfThemAndNobodyElse()
    {
        TestClient[] alice = [await OpenAsync(_here, "alice"), await OpenAsync(_there, "alice"), await OpenAsync(_there, "alice")];
        TestClient[] others = [await OpenAsync(_here, "Alice"), await OpenAsync(_there, "bob"), await OpenAsync(_here)];

        await _here.Router.SendToUserAsync("alice", "hi", Cancellation);

        await AssertOnlyAsync("hi", alice);
        await AssertNothingAsync(others);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task SendToConnection_HereOrThere_ReachesItAlone(bool local)
    {
        var (one, other) = (await OpenAsync(_here), await OpenAsync(_there));
        var (target, bystander) = local ? (one, other) : (other, one);

        await _here.Router.SendToConnectionAsync(target.Id, "psst", Cancellation);

        await AssertOnlyAsync("psst", target);
        await AssertNothingAsync(bystander);
    }

    [Fact]
    public async Task SendToConnections_MixedRepeatedUnknown_EachGetsOneCopy()
    {
        TestClient[] targets = [await OpenAsync(_here), await OpenAsync(_there), await OpenAsync(_there)];
        var bystander = await OpenAsync(_there);
        string[] ids = [.. targets.Select(client => client.Id), targets[1].Id, targets[0].Id, "no-such-node.AAAA", "nonsense", $"{bystander.Id}x"];

        await _here.Router.SendAsync(WebSocketTarget.Connections(ids), "you three", Cancellation);

        await AssertOnlyAsync("you three", targets);
        await AssertNothingAsync(bystander);
    }

    [Fact]
    public async Task SendToUsers_RepeatedAndUnknown_EachGetsOneCopy()
    {
        TestClient[] targets = [await OpenAsync(_here, "a"), await OpenAsync(_there, "b"), await OpenAsync(_there, "a")];
        var bystander = await OpenAsync(_there, "c");

        await _here.Router.SendAsync(WebSocketTarget.Users(["a", "b", "a", "nobody"]), "you", Cancellation);

        await AssertOnlyAsync("you", targets);
        await AssertNothingAsync(bystander);
    }

    [Fact]
    public async Task SendToGroups_OverlappingGroups_OneCopyEach()
    {
        TestClient[] members = [await OpenAsync(_here), await OpenAsync(_there), await OpenAsync(_there)];
        foreach (var member in members)
        {
            await _here.Router.AddToGroupAsync(member.Id, "red", Cancellation);
            await _here.Router.AddToGroupAsync(member.Id, "green", Cancellation);
        }

        var onlyBlue = await OpenAsync(_there);
        await _there.Router.AddToGroupAsync(onlyBlue.Id, "blue", Cancellation);
        var bystander = await OpenAsync(_there);
        await _there.Router.AddToGroupAsync(bystander.Id, "Red", Cancellation);

        await _here.Router.SendAsync(WebSocketTarget.Groups(["red", "green", "blue", "red", "empty"]), "news", Cancellation);

        await AssertOnlyAsync("news", [.. members, onlyBlue]);
        await AssertNothingAsync(bystander);
    }

    [Fact]
    public async Task SendToGroupThenGroups_ManyLanes_KeepTheirOrder()
    {
        await using var many = await AppNode.StartAsync(_cluster, options => options.Lanes = 8, sockets => sockets.ConfigureCluster(common => common.Routing = routing));
        var member = await OpenAsync(many);
        await many.Router.AddToGroupAsync(member.Id, "g1", Cancellation);
        await many.Router.AddToGroupAsync(member.Id, "g2", Cancellation);
        for (var i = 0; i < 2_000; i++)
        {
            await (i % 3 == 0
                ? _here.Router.SendToGroupAsync($"g{1 + (i % 2)}", i.ToString(), Cancellation)
                : _here.Router.SendAsync(WebSocketTarget.Groups(["g1", "g2"]), i.ToString(), Cancellation));
        }

        for (var i = 0; i < 2_000; i++)
        {
            Assert.Equal(i.ToString(), await member.ReceiveTextAsync());
        }
    }

    [Theory]
    [InlineData(WebSocketTargetKind.Groups)]
    [InlineData(WebSocketTargetKind.Users)]
    [InlineData(WebSocketTargetKind.Connections)]
    public async Task SendToSeveral_ManyAtOnce_AllReceiversSeeOneOrder(WebSocketTargetKind kind)
    {
        const int Senders = 4;
        const int Each = 300;
        TestClient[] receivers = [await OpenAsync(_here, "red"), await OpenAsync(_there, "red"), await OpenAsync(_here, "blue"), await OpenAsync(_there, "blue")];
        for (var i = 0; i < receivers.Length; i++)
        {
            await _here.Router.AddToGroupAsync(receivers[i].Id, i < 2 ? "red" : "blue", Cancellation);
        }

        if (kind == WebSocketTargetKind.Groups)
        {
            TestClient[] both = [await OpenAsync(_here), await OpenAsync(_there)];
            foreach (var client in both)
            {
                await _here.Router.AddToGroupAsync(client.Id, "red", Cancellation);
                await _here.Router.AddToGroupAsync(client.Id, "blue", Cancellation);
            }

            receivers = [.. receivers, .. both];
        }

        string[] names = kind == WebSocketTargetKind.Connections ? [.. receivers.Select(static receiver => receiver.Id)] : ["red", "blue"];
        var target = Target(names);
        var reversed = Target([.. names.Reverse()]);
        using var together = new Barrier(Senders);
        await Task.WhenAll(Enumerable.Range(0, Senders).Select(sender => Task.Factory.StartNew(
            () =>
            {
                together.SignalAndWait(Cancellation);
                for (var i = 0; i < Each; i++)
                {
                    var send = _here.Router.SendAsync(i % 2 == 0 ? target : reversed, WebSocketMessage.Text($"{sender}-{i}"), Cancellation);
                    Assert.True(send.IsCompletedSuccessfully); // nothing waits on the in-memory backplane
                }
            },
            Cancellation,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default))).WithinGuardAsync();

        var seen = new List<string>[receivers.Length];
        for (var i = 0; i < receivers.Length; i++)
        {
            seen[i] = [];
            while (seen[i].Count < Senders * Each)
            {
                seen[i].Add(await receivers[i].ReceiveTextAsync());
            }
        }

        Assert.All(seen, others => Assert.Equal(seen[0], others));

        WebSocketTarget Target(string[] names) => kind switch
        {
            WebSocketTargetKind.Groups => WebSocketTarget.Groups(names),
            WebSocketTargetKind.Users => WebSocketTarget.Users(names),
            _ => WebSocketTarget.Connections(names),
        };
    }

    [Fact]
    public async Task SendToGroups_ManyLanesAndMembershipsThatChange_NeverTwiceNeverMissing()
    {
        await using var many = await AppNode.StartAsync(_cluster, options => options.Lanes = 8, sockets => sockets.ConfigureCluster(common => common.Routing = routing));
        string[] groups = ["g0", "g1", "g2", "g3", "g4"];
        var member = await OpenAsync(many);
        foreach (var group in groups)
        {
            await many.Router.AddToGroupAsync(member.Id, group, Cancellation);
        }

        // Always in g0, in and out of the others: every message has it as a target, by one way or several.
        using var done = new CancellationTokenSource();
        var churn = Task.Run(async () =>
        {
            for (var i = 0; !done.IsCancellationRequested; i++)
            {
                await many.Router.RemoveFromGroupAsync(member.Id, groups[1 + (i % 4)], Cancellation);
                await many.Router.AddToGroupAsync(member.Id, groups[1 + (i % 4)], Cancellation);
            }
        }, Cancellation);
        for (var i = 0; i < 1_000; i++)
        {
            await _here.Router.SendAsync(WebSocketTarget.Groups(groups), i.ToString(), Cancellation);
        }

        await done.CancelAsync();
        await churn;
        foreach (var group in groups)
        {
            await _here.Router.SendToGroupAsync(group, "end", Cancellation);
        }

        var received = new List<string>();
        for (var ends = 0; ends < groups.Length;)
        {
            var text = await member.ReceiveTextAsync();
            if (text == "end")
            {
                ends++;
            }
            else
            {
                received.Add(text);
            }
        }

        Assert.Equal(Enumerable.Range(0, 1_000).Select(i => i.ToString()), received.OrderBy(int.Parse));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(40)]
    public async Task Send_WithExcludedConnections_LeavesThemOut(int strangers)
    {
        TestClient[] members = [await OpenAsync(_here, "u"), await OpenAsync(_here, "u"), await OpenAsync(_there, "u"), await OpenAsync(_there, "u")];
        foreach (var member in members)
        {
            await _here.Router.AddToGroupAsync(member.Id, "g", Cancellation);
        }

        string[] excluded = [members[0].Id, members[2].Id, .. Enumerable.Range(0, strangers).Select(i => $"gone-node.{i}")];
        foreach (var target in new[] { WebSocketTarget.All, WebSocketTarget.Group("g"), WebSocketTarget.Groups(["g", "h"]), WebSocketTarget.User("u"), WebSocketTarget.Users(["u", "v"]), WebSocketTarget.Connections([.. members.Select(m => m.Id)]) })
        {
            await _here.Router.SendAsync(target, WebSocketMessage.Text(target.Kind.ToString()), new() { ExcludedConnectionIds = excluded }, Cancellation);
            await AssertOnlyAsync(target.Kind.ToString(), members[1], members[3]);
        }

        await AssertNothingAsync(members[0], members[2]);
    }

    [Fact]
    public async Task Send_EmptyLists_ReachesNobody()
    {
        var client = await OpenAsync(_here, "u");

        await _here.Router.SendAsync(WebSocketTarget.Connections([]), "x", Cancellation);
        await _here.Router.SendAsync(WebSocketTarget.Users([]), "x", Cancellation);
        await _here.Router.SendAsync(WebSocketTarget.Groups([]), "x", Cancellation);
        await _here.Router.SendToUserAsync("nobody", "x", Cancellation);
        await _here.Router.SendToGroupAsync("nobody", "x", Cancellation);

        await AssertNothingAsync(client);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(125)]
    [InlineData(126)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(1_048_576)]
    public async Task Send_PayloadAtEveryHeaderSize_ArrivesUnchangedOnBothNodes(int length)
    {
        TestClient[] clients = [await OpenAsync(_here), await OpenAsync(_there)];
        var data = new byte[length];
        new Random(length).NextBytes(data);

        await _here.Router.SendToAllAsync(data, Cancellation);

        foreach (var client in clients)
        {
            var (type, received) = await client.ReceiveAsync();
            Assert.Equal(WebSocketMessageType.Binary, type);
            Assert.True(data.AsSpan().SequenceEqual(received), $"{received.Length} bytes came of {length}.");
        }
    }

    [Fact]
    public async Task Send_Value_ArrivesAsJson()
    {
        TestClient[] clients = [await OpenAsync(_here, "u"), await OpenAsync(_there, "u")];

        await _here.Router.SendToUserAsync("u", new Alert("Föhn", 3), cancellationToken: Cancellation);
        await AssertOnlyAsync("""{"title":"Föhn","level":3}""".Replace("ö", "\\u00F6"), clients);

        await _here.Router.SendToUserAsync("u", new Alert("x", 1), AlertJson.Default.Alert, Cancellation);
        await AssertOnlyAsync("""{"Title":"x","Level":1}""", clients);

        await _here.Router.SendToUserAsync<string>("u", "text", cancellationToken: Cancellation);
        await AssertOnlyAsync("text", clients);
    }

    [Fact]
    public async Task ConfigureJson_Changed_IsUsed()
    {
        await using var node = await AppNode.StartAsync(build: sockets => sockets.ConfigureJson(json => json.PropertyNamingPolicy = null));
        await using var client = await node.ConnectAsync();

        await node.Router.SendToAllAsync(new Alert("x", 1), cancellationToken: Cancellation);

        Assert.Equal("""{"Title":"x","Level":1}""", await client.ReceiveTextAsync());

        node.Probe.OnMessage = static async (connection, _, token) =>
        {
            await connection.SendAsync(new Alert("y", 2), token);
            await connection.SendWhenRoomAsync(new Alert("y", 3), token);
            await connection.SendAsync(new Alert("z", 4), AlertJson.Default.Alert, token);
            await connection.SendAsync("text", token);
        };
        await client.SendAsync("go");
        foreach (var expected in (string[])["""{"Title":"y","Level":2}""", """{"Title":"y","Level":3}""", """{"Title":"z","Level":4}""", "text"])
        {
            Assert.Equal(expected, await client.ReceiveTextAsync());
        }
    }

    [Fact]
    public async Task Send_ManyFromOneNode_ArriveInOrderEverywhere()
    {
        TestClient[] clients = [await OpenAsync(_here, "u"), await OpenAsync(_there, "u")];
        for (var i = 0; i < 2_000; i++)
        {
            await _here.Router.SendToUserAsync("u", i.ToString(), Cancellation);
        }

        foreach (var client in clients)
        {
            for (var i = 0; i < 2_000; i++)
            {
                Assert.Equal(i.ToString(), await client.ReceiveTextAsync());
            }
        }
    }

    [Fact]
    public async Task Send_ConcurrentlyFromOneNode_EveryReceiverSeesTheSameOrder()
    {
        TestClient[] clients = [await OpenAsync(_here), await OpenAsync(_here), await OpenAsync(_there), await OpenAsync(_there)];
        const int PerSender = 250;

        await Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(async () =>
        {
            for (var i = 0; i < PerSender; i++)
            {
                await _here.Router.SendToAllAsync($"{sender}:{i}", Cancellation);
            }
        })));

        var orders = new List<string[]>();
        foreach (var client in clients)
        {
            var order = new string[4 * PerSender];
            for (var i = 0; i < order.Length; i++)
            {
                order[i] = await client.ReceiveTextAsync();
            }

            orders.Add(order);
        }

        Assert.All(orders, order => Assert.Equal(orders[0], order));
    }

    [Fact]
    public async Task Send_OtherHubOrPrefix_IsNotHeard()
    {
        await using var stranger = await AppNode.StartAsync(
            _cluster, build: sockets => sockets.ConfigureCluster(common => common.Routing = routing).ConfigureCluster(cluster => cluster.Prefix = "other"));
        await using var strangersClient = await stranger.ConnectAsync("u");
        var client = await OpenAsync(_there, "u");

        var factory = _here.Services.GetRequiredService<IWebSocketRouterFactory>();
        await factory.GetRouter("other-hub").SendToAllAsync("for another hub", Cancellation);
        await factory.GetRouter("other-hub").SendToUserAsync("u", "for another hub", Cancellation);
        await _here.Services.GetRequiredService<IWebSocketRouter>().SendToAllAsync("for the default hub", Cancellation);
        await factory.GetRouter("probe").SendToAllAsync("for this hub", Cancellation);
        await stranger.Router.SendToAllAsync("for the other prefix", Cancellation);

        await AssertOnlyAsync("for this hub", client);
        Assert.Equal("for the other prefix", await strangersClient.ReceiveTextAsync());
    }

    [Fact]
    public async Task Send_FromWorkerWithoutSockets_ReachesUsersAndCommandsConnections()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets().UseInMemory(_cluster).ConfigureCluster(common => common.Routing = routing);
        using var worker = builder.Build();
        await worker.StartAsync(Cancellation);
        var router = worker.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("probe");
        var client = await OpenAsync(_there, "u");

        await router.SendToUserAsync("u", "from the worker", Cancellation);
        Assert.Equal("from the worker", await client.ReceiveTextAsync());

        await router.AddToGroupAsync(client.Id, "g", Cancellation);
        await router.SendToGroupAsync("g", "to the group", Cancellation);
        Assert.Equal("to the group", await client.ReceiveTextAsync());

        await router.DisconnectAsync(client.Id, (WebSocketCloseStatus)4_001, "bye", Cancellation);
        Assert.Equal(((WebSocketCloseStatus)4_001, "bye"), await client.ReceiveCloseAsync());
        await worker.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Send_BeforeStartOrAfterStop_SaysSo()
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets();
        using var host = builder.Build();
        var router = host.Services.GetRequiredService<IWebSocketRouter>();

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(async () => await router.SendToAllAsync("x", Cancellation));
        Assert.Contains("host has started", exception.Message);

        await host.StartAsync(Cancellation);
        await router.SendToAllAsync("x", Cancellation);
        await host.StopAsync(Cancellation);
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await router.SendToAllAsync("x", Cancellation));
    }

    [Fact]
    public async Task Send_BadNames_AreRefusedWithAReason()
    {
        var router = _here.Router;
        await Assert.ThrowsAsync<ArgumentException>(async () => await router.SendToUserAsync("", "x", Cancellation));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await router.SendAsync(WebSocketTarget.Groups(["a", null!]), "x", Cancellation)); // the fault under test
        var tooLong = await Assert.ThrowsAsync<ArgumentException>(async () => await router.SendToGroupAsync(new string('ä', 129), "x", Cancellation));
        Assert.Contains("258 bytes", tooLong.Message);
        var half = await Assert.ThrowsAsync<ArgumentException>(async () => await router.AddToGroupAsync("n.a", "\uD800", Cancellation));
        Assert.Contains("surrogate", half.Message);
        await router.SendToGroupAsync(new string('ä', 128), "x", Cancellation);
    }

    private async Task<TestClient> OpenAsync(AppNode node, string? user = null)
    {
        var client = await node.ConnectAsync(user);
        _clients.Add(client);
        return client;
    }

    /// <summary>Each got the text next, and nothing else: a later message to the connection is what follows.</summary>
    private async Task AssertOnlyAsync(string text, params TestClient[] clients)
    {
        foreach (var client in clients)
        {
            Assert.Equal(text, await client.ReceiveTextAsync());
        }

        await AssertNothingAsync(clients);
    }

    /// <summary>A message to the connection itself comes next: with one lane per node, whatever was on its way would have come before.</summary>
    private async Task AssertNothingAsync(params TestClient[] clients)
    {
        var fence = Guid.NewGuid().ToString();
        foreach (var client in clients)
        {
            await _here.Router.SendToConnectionAsync(client.Id, fence, Cancellation);
            Assert.Equal(fence, await client.ReceiveTextAsync());
        }
    }

    internal sealed record Alert(string Title, int Level);
}

[JsonSerializable(typeof(SendSuite.Alert))]
internal sealed partial class AlertJson : JsonSerializerContext;
