using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Joining, leaving and disconnecting, on the caller's node and on another one, over one routing strategy.</summary>
public abstract class GroupSuite(RoutingStrategy routing) : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
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
        await _here.DisposeAsync();
        await _there.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Add_ThenSendAtOnce_ReachesTheMember(bool local)
    {
        var node = local ? _here : _there;
        await using var client = await node.ConnectAsync();
        for (var i = 0; i < 50; i++)
        {
            await _here.Router.AddToGroupAsync(client.Id, $"g{i}", Cancellation);
            await _there.Router.SendToGroupAsync($"g{i}", $"t{i}", Cancellation);
            Assert.Equal($"t{i}", await client.ReceiveTextAsync());
            await _here.Router.SendToGroupAsync($"g{i}", $"h{i}", Cancellation);
            Assert.Equal($"h{i}", await client.ReceiveTextAsync());
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Add_MoreGroupsThanAllowed_ThrowsAndHarmsNothing(bool local)
    {
        await using var limited = await AppNode.StartAsync(_cluster, options => options.MaxGroupsPerConnection = 2, sockets => sockets.ConfigureCluster(common => common.Routing = routing));
        var router = local ? limited.Router : _there.Router;
        await using var client = await limited.ConnectAsync();
        await router.AddToGroupAsync(client.Id, "first", Cancellation);
        await router.AddToGroupAsync(client.Id, "second", Cancellation);
        await router.AddToGroupAsync(client.Id, "second", Cancellation); // in it already

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(async () => await router.AddToGroupAsync(client.Id, "third", Cancellation));
        Assert.Contains("MaxGroupsPerConnection", exception.Message);
        await router.SendToGroupAsync("third", "lost", Cancellation);
        await router.SendToGroupAsync("second", "still in", Cancellation);
        Assert.Equal("still in", await client.ReceiveTextAsync());

        await router.RemoveFromGroupAsync(client.Id, "first", Cancellation);
        await router.AddToGroupAsync(client.Id, "third", Cancellation);
        await router.SendToGroupAsync("third", "now in", Cancellation);
        Assert.Equal("now in", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Remove_ThenSendAtOnce_DoesNotReachTheFormerMember(bool local)
    {
        var node = local ? _here : _there;
        await using var client = await node.ConnectAsync();
        await _here.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await _here.Router.AddToGroupAsync(client.Id, "other", Cancellation);
        await _here.Router.AddToGroupAsync(client.Id, "third", Cancellation);

        await _here.Router.RemoveFromGroupAsync(client.Id, "g", Cancellation);
        await _here.Router.RemoveFromGroupAsync(client.Id, "never joined", Cancellation);
        await _here.Router.SendToGroupAsync("g", "lost", Cancellation);
        await _here.Router.SendToGroupAsync("other", "still in", Cancellation);
        Assert.Equal("still in", await client.ReceiveTextAsync());

        await _here.Router.RemoveFromAllGroupsAsync(client.Id, Cancellation);
        await _here.Router.SendAsync(WebSocketTarget.Groups(["g", "other", "third"]), "lost", Cancellation);
        await _here.Router.SendToConnectionAsync(client.Id, "fence", Cancellation);
        Assert.Equal("fence", await client.ReceiveTextAsync());
        await AssertGroupsAsync(client.Id);
    }

    [Fact]
    public async Task Add_Twice_IsTheSameAsOnce()
    {
        await using var client = await _there.ConnectAsync();
        await _here.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await _there.Router.AddToGroupAsync(client.Id, "g", Cancellation);

        await _here.Router.SendToGroupAsync("g", "once", Cancellation);
        await _here.Router.SendToConnectionAsync(client.Id, "fence", Cancellation);

        Assert.Equal("once", await client.ReceiveTextAsync());
        Assert.Equal("fence", await client.ReceiveTextAsync());
        await AssertGroupsAsync(client.Id, "g");
        await _here.Router.RemoveFromGroupAsync(client.Id, "g", Cancellation);
        await _here.Router.SendToGroupAsync("g", "gone", Cancellation);
        await _here.Router.SendToConnectionAsync(client.Id, "fence", Cancellation);
        Assert.Equal("fence", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("no dot or plain node:x.AAAA")]
    [InlineData(".AAAA")]
    [InlineData("unknown-node.AAAA")]
    [InlineData("{there}.AAAA")]
    [InlineData("{here}.AAAA")]
    public async Task Command_UnknownConnection_AnswersAtOnce(string form)
    {
        await using var holder = await _there.ConnectAsync();
        var id = form.Replace("{there}", NodeId(_there)).Replace("{here}", NodeId(_here));

        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await _here.Router.AddToGroupAsync(id, "g", Cancellation));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await _here.Router.RemoveFromGroupAsync(id, "g", Cancellation));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await _here.Router.RemoveFromAllGroupsAsync(id, Cancellation));
        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await _here.Router.DisconnectAsync(id, cancellationToken: Cancellation));
    }

    [Fact]
    public async Task Command_ConnectionOfAnotherHub_IsNotFound()
    {
        await using var client = await _there.ConnectAsync();
        var other = _here.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("other");

        await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await other.AddToGroupAsync(client.Id, "g", Cancellation));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disconnect_Connection_ClosesItWithCodeAndReason(bool local)
    {
        await using var client = await (local ? _here : _there).ConnectAsync();

        await _here.Router.DisconnectAsync(client.Id, (WebSocketCloseStatus)4_001, "grüezi", Cancellation);

        Assert.Equal(((WebSocketCloseStatus)4_001, "grüezi"), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task DisconnectUserAndGroup_OnAllNodes_ClosesThemAndNobodyElse()
    {
        await using var aliceHere = await _here.ConnectAsync("alice");
        await using var aliceThere = await _there.ConnectAsync("alice");
        await using var bobHere = await _here.ConnectAsync("bob");
        await using var bobThere = await _there.ConnectAsync("bob");
        await using var carol = await _there.ConnectAsync("carol");
        await _here.Router.AddToGroupAsync(bobHere.Id, "g", Cancellation);
        await _here.Router.AddToGroupAsync(bobThere.Id, "g", Cancellation);

        await _here.Router.DisconnectUserAsync("alice", (WebSocketCloseStatus)4_002, "user", Cancellation);
        await _here.Router.DisconnectGroupAsync("g", (WebSocketCloseStatus)4_003, "group", Cancellation);
        await _here.Router.DisconnectUserAsync("nobody", cancellationToken: Cancellation);

        Assert.Equal(((WebSocketCloseStatus)4_002, "user"), await aliceHere.ReceiveCloseAsync());
        Assert.Equal(((WebSocketCloseStatus)4_002, "user"), await aliceThere.ReceiveCloseAsync());
        Assert.Equal(((WebSocketCloseStatus)4_003, "group"), await bobHere.ReceiveCloseAsync());
        Assert.Equal(((WebSocketCloseStatus)4_003, "group"), await bobThere.ReceiveCloseAsync());
        await _here.Router.SendToUserAsync("carol", "still here", Cancellation);
        Assert.Equal("still here", await carol.ReceiveTextAsync());
    }

    [Fact]
    public async Task Join_RacingWithDisconnect_LeavesNoMemberAndNoNeedForTheChannel()
    {
        var subscriptions = _here.Services.GetRequiredService<ChannelSubscriptions>();
        for (var i = 0; i < 50; i++)
        {
            var client = await _here.ConnectAsync();
            var join = _there.Router.AddToGroupAsync(client.Id, "race", Cancellation).AsTask();
            client.Socket.Abort();
            await join.ContinueWith(static joined => Assert.True(joined.Exception is null or { InnerException: ConnectionNotFoundException }), TaskScheduler.Default);
        }

        await Eventually.TrueAsync(() => _here.Hub.Count == 0, "all connections have ended");
        Assert.Empty(_here.Hub.Group("race"));
        await Eventually.TrueAsync(() => subscriptions.CountNeeded(_here.Hub.GroupChannel("race")) == 0, "nobody needs the channel");
    }

    private static string NodeId(AppNode node) => node.Services.GetRequiredService<NodeInfo>().NodeId;

    private async Task AssertGroupsAsync(string connectionId, params string[] groups) => await Eventually.TrueAsync(
        async () => await _here.Store.FindAsync("probe", connectionId, Cancellation) is { } session && session.Groups.Order().SequenceEqual(groups.Order()),
        $"the session store shows groups {string.Join(", ", groups)}");
}
