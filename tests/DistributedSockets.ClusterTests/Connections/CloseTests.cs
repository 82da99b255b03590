using System.Net.WebSockets;

namespace DistributedSockets.ClusterTests;

/// <summary>However a connection ends, both sides learn of it, and the cluster forgets it.</summary>
[Collection(SharedGroup.Name)]
public sealed class CloseTests(SharedCluster cluster)
{
    private readonly string _user = SharedCluster.Unique("user");
    private readonly string _group = SharedCluster.Unique("group");

    [Theory]
    [InlineData(1000, "done")]
    [InlineData(4321, "grüße")]
    [InlineData(1001, "")]
    public async Task CloseByWsClient_CodeAndReason_AreEchoed(int code, string reason)
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));

        await client.CloseAsync(code, reason);

        Assert.Equal(code, (await client.CloseEventAsync()).Code);
        await EndedAsync(cluster.A, client);
    }

    [Fact]
    public async Task CloseByWsClient_WithoutCode_IsAnswered()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));

        await client.CloseAsync();

        Assert.Contains((await client.CloseEventAsync()).Code, new[] { 1000, 1005 });
        await EndedAsync(cluster.A, client);
    }

    [Fact]
    public async Task CloseByDotNetClient_CodeIsEchoed()
    {
        await using var client = await cluster.A.ConnectAsync(_user);

        await client.CloseAsync((WebSocketCloseStatus)4000, "bye");

        Assert.Equal(4000, (await client.CloseEventAsync()).Code);
        await EndedAsync(cluster.A, client);
    }

    [Fact]
    public async Task CloseByClient_MessagesSentJustBefore_AreStillAnswered()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));
        await using var far = await cluster.B.ConnectAsync(groups: _group);
        for (var i = 0; i < 100; i++)
        {
            await client.SendAsync($"G{_group} {i}");
        }

        await client.CloseAsync(1000, "");

        for (var i = 0; i < 100; i++)
        {
            await far.ExpectAsync($"{i}");
        }

        Assert.Equal(1000, (await client.CloseEventAsync()).Code);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CloseByServer_FromEitherNode_ClientSeesCode(bool local)
    {
        await using var victim = await cluster.Ws.NewClient().OpenAsync(cluster.B.Endpoint(_user));
        await using var killer = await (local ? cluster.B : cluster.A).ConnectAsync();

        await killer.SendAsync($"K{victim.ConnectionId}");

        var close = await victim.NextAsync();
        Assert.Equal(("close", 4001), (close.Kind, close.Code));
        await EndedAsync(cluster.B, victim);
        await killer.AskAsync("Efence", "fence");
    }

    [Fact]
    public async Task CloseByServer_OfItsOwnConnection_ClientSeesCode()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));

        await client.SendAsync($"K{client.ConnectionId}");

        Assert.Equal(4001, (await client.CloseEventAsync()).Code);
        await EndedAsync(cluster.A, client);
    }

    [Fact]
    public async Task CloseByServer_QueuedMessages_ComeBeforeTheClose()
    {
        await using var victim = await cluster.Ws.NewClient().OpenAsync(cluster.B.Endpoint(_user));
        await using var killer = await cluster.B.ConnectAsync();
        for (var i = 0; i < 200; i++)
        {
            await killer.SendAsync($"C{victim.ConnectionId} {i}");
        }

        await killer.SendAsync($"K{victim.ConnectionId}");

        for (var i = 0; i < 200; i++)
        {
            await victim.ExpectAsync($"{i}");
        }

        Assert.Equal(4001, (await victim.NextAsync()).Code);
    }

    [Fact]
    public async Task DisconnectUserAndGroup_ConnectionsOnBothNodes_AllAreClosed()
    {
        await using var userNear = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));
        await using var userFar = await cluster.B.ConnectAsync(_user);
        await using var groupNear = await cluster.A.ConnectAsync(groups: _group);
        await using var groupFar = await cluster.Ws.NewClient().OpenAsync(cluster.B.Endpoint(groups: _group));

        await cluster.A.CommandAsync(new { op = "disconnectUser", user = _user, code = 4100, reason = "user" });
        await cluster.A.CommandAsync(new { op = "disconnectGroup", group = _group, code = 4200, reason = "group" });

        Assert.Equal(new ClientEvent("close", "user", 4100), await userNear.NextAsync());
        Assert.Equal(new ClientEvent("close", "user", 4100), await userFar.NextAsync());
        Assert.Equal(new ClientEvent("close", "group", 4200), await groupNear.NextAsync());
        Assert.Equal(new ClientEvent("close", "group", 4200), await groupFar.NextAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ClientGoneWithoutCloseFrame_SessionEndsAndOthersGoOn(bool reset)
    {
        await using var gone = await RawClient.OpenAsync(cluster.A.Endpoint(_user, _group));
        await using var other = await cluster.B.ConnectAsync(groups: _group);
        await Guard.UntilAsync(() => cluster.B.IsOnlineAsync(_user), "the user is online");

        if (reset)
        {
            gone.Reset();
        }
        else
        {
            gone.Vanish();
        }

        await Guard.UntilAsync(async () => !await cluster.B.IsOnlineAsync(_user), "the user is offline");
        await EndedAsync(cluster.A, gone.ConnectionId);
        await other.SendAsync($"G{_group} hello");
        await other.ExpectAsync("hello");
        var left = Assert.Single(await cluster.B.SessionsAsync($"group={_group}"));
        Assert.Equal(other.ConnectionId, left.ConnectionId);
    }

    [Fact]
    public async Task WsClientTerminated_SessionEnds()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(_user));

        await client.TerminateAsync();

        await EndedAsync(cluster.A, client);
    }

    private static Task EndedAsync(TestNodeProcess node, TestClient client) => EndedAsync(node, client.ConnectionId);

    /// <summary>Waits until the node has reported the end of the session, once.</summary>
    private static async Task EndedAsync(TestNodeProcess node, string connectionId)
    {
        await Guard.UntilAsync(
            async () => (await node.EventsAsync()).Any(happened => happened.Event == "session_ended" && happened.ConnectionId == connectionId),
            "the end of the session");
        Assert.Equal(
            ["session_started", "session_ended"],
            (await node.EventsAsync()).Where(happened => happened.ConnectionId == connectionId).Select(static happened => happened.Event));
    }
}
