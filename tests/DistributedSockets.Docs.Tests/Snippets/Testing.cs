// The page leaves out the test's token, and says so: every wait has a guard of its own.
#pragma warning disable xUnit1051
using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Docs.Tests.Snippets.Testing;

/// <summary>The app of the page: what a Program.cs would call.</summary>
internal static class LobbyApp
{
    // snippet: testing-app
    public static void AddLobby(IServiceCollection services) => services.AddDistributedWebSockets();

    public static void MapLobby(WebApplication app) => app.MapDistributedWebSocket<LobbyHandler>("/lobby");
    // end-snippet
}

// snippet: testing-app
[WebSocketHub("lobby")]
public sealed class LobbyHandler(IWebSocketRouter<LobbyHandler> router) : WebSocketHandler
{
    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) =>
        router.AddToGroupAsync(Connection.Id, "lobby", cancellationToken);

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        router.SendToGroupAsync("lobby", $"{Connection.UserId}: {message.GetText()}", cancellationToken);
}
// end-snippet

public sealed class LobbyTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    // snippet: testing-first
    [Fact]
    public async Task Message_MemberOnAnotherNode_GetsIt()
    {
        await using var cluster = await FakeCluster.StartAsync(2, app => app
            .ConfigureServices(LobbyApp.AddLobby)
            .ConfigureApp(LobbyApp.MapLobby));
        var alice = await cluster.ConnectAsync(node: 0, "/lobby", "alice");
        var bob = await cluster.ConnectAsync(node: 1, "/lobby", "bob");
        await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("lobby", "lobby"), 2);    // both have joined

        await alice.SendAsync("hello");

        Assert.Equal("alice: hello", await bob.ReceiveTextAsync());
    }
    // end-snippet

    [Fact]
    public async Task Handshake_Everything_CanBeSet()
    {
        await using var cluster = await StartAsync();

        // snippet: testing-client
        var phone = await cluster.ConnectAsync(node: 0, "/lobby?room=red", "alice", handshake =>
        {
            handshake.Headers["X-Device"] = "phone";
            handshake.SubProtocols.Add("chat.v2");
        });
        await phone.SendJsonAsync(new { type = "hello" });
        var answer = await phone.ReceiveTextAsync();
        var close = await phone.CloseAsync();               // what the server answered
        // end-snippet

        Assert.Contains("hello", answer, StringComparison.Ordinal);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, close.Status);
    }

    // snippet: testing-crash
    [Fact]
    public async Task Crash_UserOfTheNode_IsOfflineWhenTheLeaseHasRunOut()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await StartAsync(time);
        var bob = await cluster.ConnectAsync(node: 1, "/lobby", "bob");

        await cluster.CrashAsync(node: 1);
        Assert.Null((await bob.WaitForCloseAsync()).Status);            // without a close frame
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(15));           // LeaseExpiry

        var ended = Assert.Single(cluster.SessionsEnded);               // told once in the cluster
        Assert.Equal(("bob", SessionEndCause.NodeLost), (ended.Session.UserId, ended.Cause));
        Assert.Equal([cluster.NodeIds[0]], await cluster.WaitForMembersAsync(1));
    }
    // end-snippet

    [Fact]
    public async Task Stop_Client_IsClosedWith1001()
    {
        await using var cluster = await StartAsync();
        var bob = await cluster.ConnectAsync(node: 1, "/lobby", "bob");

        // snippet: testing-drain
        await cluster.StopAsync(node: 1);

        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await bob.WaitForCloseAsync()).Status);    // 1001
        // end-snippet
    }

    [Fact]
    public async Task Cut_Losses_AreReported()
    {
        await using var cluster = await StartAsync();
        var router = cluster[0].GetRouter<LobbyHandler>();

        // snippet: testing-cut
        cluster.CutBackplane();                                         // or cluster[1].Backplane.Cut()
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => router.SendToAllAsync("anyone?").AsTask());
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(30));
        cluster.RestoreBackplane();

        await cluster.WaitForPossibleLossesAsync(2);                    // one of each node
        // end-snippet

        Assert.All(cluster.PossibleLosses, static loss => Assert.Equal(PossibleLossCause.BackplaneReconnected, loss.Cause));
    }

    [Fact]
    public async Task Faults_OneInTen_AreLost()
    {
        // snippet: testing-faults
        await using var cluster = await FakeCluster.StartAsync(2, app =>
        {
            app.ConfigureServices(LobbyApp.AddLobby).ConfigureApp(LobbyApp.MapLobby);
            app.Faults.Seed = 42;
            app.Faults.LossProbability = 0.1;
            app.Faults.DuplicationProbability = 0.1;
            app.Faults.Channels = channel => channel.Contains(":user:", StringComparison.Ordinal);
        });
        // end-snippet

        var bob = await cluster.ConnectAsync(node: 1, "/lobby", "bob");
        var router = cluster[0].GetRouter<LobbyHandler>();
        for (var i = 0; i < 100; i++)
        {
            await router.SendToUserAsync("bob", $"{i}", Cancellation);
        }

        await router.SendToAllAsync("fence", Cancellation);
        while (await bob.ReceiveTextAsync(Cancellation) != "fence")
        {
        }

        var counts = cluster[1].Backplane.Counts;
        Assert.True(counts is { Lost: > 0 and < 50, Duplicated: > 0 and < 50 }, $"{counts}");
    }

    // The page shows how it is registered; what it does is tested with the kit.
    internal static void Register(IDistributedWebSocketsBuilder sockets, IBackplane inner)
    {
        // snippet: testing-faulty
        sockets.UseBackplane(provider => new FaultyBackplane(
            inner, new() { Seed = 42, LossProbability = 0.01 }, provider.GetRequiredService<TimeProvider>()));
        // end-snippet
    }

    private static Task<FakeCluster> StartAsync(FakeTimeProvider? time = null) => FakeCluster.StartAsync(
        2, static app => app.ConfigureServices(LobbyApp.AddLobby).ConfigureApp(LobbyApp.MapLobby), time);
}
