using System.Collections.Concurrent;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>What the cluster knows of a session while its client is away, and how often it hears of its beginning and end.</summary>
public sealed class AwaySessionTests
{
    private static readonly TimeSpan s_untilClaimed = new DistributedWebSocketsOptions().LeaseExpiry + TimeSpan.FromSeconds(10);

    private readonly PresenceLog _presence = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Session_Away_StaysInTheStoreItsGroupsAndPresenceAndEndsOnceWithItsWindow()
    {
        await using var cluster = await StartAsync();
        var (client, session) = await JoinRedAsync(cluster);

        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        await cluster[1].Router.AddToGroupAsync(session.Id, "blue", Cancellation);

        var stored = Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "blue"), 1, Cancellation));
        Assert.Equal((session.Id, cluster[0].NodeId, "ann"), (stored.ConnectionId, stored.NodeId, stored.UserId));
        Assert.Equal(["blue", "red"], stored.Groups.Order(StringComparer.Ordinal));
        await WaitForPresenceAsync("CameOnline", "EnteredGroup red", "EnteredGroup blue");

        await PassAsync(cluster, seconds: 8);

        Assert.Equal(session.Id, Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation)).Session.ConnectionId);
        await cluster.WaitForConnectionsAsync(0, Cancellation);
        await Eventually.TrueAsync(() => _presence.Changes.Contains("WentOffline"), "the user is gone");
        await PassAsync(cluster, seconds: 8);
        Assert.Single(cluster.SessionsEnded);
        Assert.Equal(session.Id, Assert.Single(cluster[0].SessionsStarted).ConnectionId);
    }

    [Fact]
    public async Task Session_AwayAndNotCounted_IsGoneForPresenceUntilItComesBackAndStaysInTheStore()
    {
        await using var cluster = await StartAsync(countAwayAsPresent: false);
        var (client, session) = await JoinRedAsync(cluster);
        await WaitForPresenceAsync("CameOnline", "EnteredGroup red");

        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        await WaitForPresenceAsync("CameOnline", "EnteredGroup red", "WentOffline", "LeftGroup red");
        Assert.Equal(1, await cluster[0].SessionStore.CountAsync(SessionQuery.ForGroup("default", "red"), Cancellation));

        await using var again = await ResumedSession.ConnectAsync(cluster, 0, session, "ann");
        await ResumedSession.ReadAsync(again);
        await WaitForPresenceAsync("CameOnline", "EnteredGroup red", "WentOffline", "LeftGroup red", "CameOnline", "EnteredGroup red");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Session_Resumed_NeitherBeginsNorEndsAgain(int node)
    {
        await using var cluster = await StartAsync();
        var (client, session) = await JoinRedAsync(cluster);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        await using var again = await ResumedSession.ConnectAsync(cluster, node, session, "ann");
        Assert.Equal(session.Id, (await ResumedSession.ReadAsync(again)).Id);
        await PassAsync(cluster, seconds: 8);

        var stored = Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 1, Cancellation));
        Assert.Equal((session.Id, cluster[node].NodeId), (stored.ConnectionId, stored.NodeId));
        Assert.Equal(session.Id, Assert.Single(cluster.Nodes.SelectMany(static told => told.SessionsStarted)).ConnectionId);
        Assert.Empty(cluster.SessionsEnded);
    }

    [Theory]
    [InlineData(1000, true)]
    [InlineData(1001, false)]
    [InlineData(4000, false)]
    public async Task Session_ClosedByItsClient_EndsAtOnceIfThatIsDoneAndIsAwayElse(int code, bool isDone)
    {
        await using var cluster = await StartAsync();
        var (client, session) = await JoinRedAsync(cluster);
        await WaitForPresenceAsync("CameOnline", "EnteredGroup red"); // else coming and going may cancel each other out

        await client.CloseAsync((WebSocketCloseStatus)code, cancellationToken: Cancellation);
        await client.WaitForServerAsync(Cancellation);

        if (isDone)
        {
            Assert.Equal(session.Id, Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation)).Session.ConnectionId);
            await WaitForPresenceAsync("CameOnline", "EnteredGroup red", "WentOffline", "LeftGroup red");
        }

        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session, "ann");
        Assert.Equal(!isDone, (await ResumedSession.ReadAsync(again)).Id == session.Id);
    }

    [Theory]
    [InlineData(false, "connection")]
    [InlineData(true, "connection")]
    [InlineData(true, "user")]
    [InlineData(true, "group")]
    [InlineData(true, "all")]
    public async Task Session_DisconnectedByTheApp_EndsWithoutAWindow(bool isAway, string by)
    {
        await using var cluster = await StartAsync();
        var (client, session) = await JoinRedAsync(cluster);
        if (isAway)
        {
            client.Abort();
            await client.WaitForServerAsync(Cancellation);
        }

        var router = cluster[1].Router;
        await (by switch
        {
            "user" => router.DisconnectUserAsync("ann", cancellationToken: Cancellation),
            "group" => router.DisconnectGroupAsync("red", cancellationToken: Cancellation),
            "all" => router.DisconnectAllAsync(cancellationToken: Cancellation),
            _ => router.DisconnectAsync(session.Id, cancellationToken: Cancellation),
        });

        Assert.Equal(session.Id, Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation)).Session.ConnectionId);
        await using var again = await ResumedSession.ConnectAsync(cluster, 0, session, "ann");
        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(again)).Id);
    }

    [Theory]
    [InlineData("user")]
    [InlineData("group")]
    [InlineData("all")]
    public async Task Session_AdoptedByANodeThatHasNoConnectionOfItsUser_EndsWhenTheAppDisconnectsIt(string by)
    {
        await using var cluster = await StartAsync(window: 60);
        var (_, session) = await JoinRedAsync(cluster);
        await cluster.CrashAsync(0);
        await cluster.AdvanceAsync(s_untilClaimed, Cancellation);
        Assert.Equal(cluster[1].NodeId, Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 1, Cancellation)).NodeId);

        await DisconnectAsync(cluster[1].Router, by);

        Assert.Equal(session.Id, Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation)).Session.ConnectionId);
        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(await ResumedSession.ConnectAsync(cluster, 1, session, "ann"))).Id);
    }

    [Theory]
    [InlineData("user")]
    [InlineData("group")]
    [InlineData("all")]
    public async Task Session_DisconnectedBeforeItsClientComesBackFromALostNode_IsClosedAndNotResumedAgain(string by)
    {
        await using var cluster = await StartAsync(window: 60);
        var (_, session) = await JoinRedAsync(cluster);
        await cluster.CrashAsync(0);
        await DisconnectAsync(cluster[1].Router, by);

        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session, "ann");
        Assert.Equal((WebSocketCloseStatus)4001, (await again.WaitForCloseAsync(Cancellation)).Status);

        Assert.NotEqual(session.Id, (await ResumedSession.ReadAsync(await ResumedSession.ConnectAsync(cluster, 1, session, "ann"))).Id);
    }

    [Fact]
    public async Task Session_ThatLeftTheGroupBefore_StaysWhenTheGroupIsDisconnected()
    {
        await using var cluster = await StartAsync(window: 60);
        var (client, session) = await JoinRedAsync(cluster);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        await cluster[1].Router.RemoveFromGroupAsync(session.Id, "red", Cancellation);

        await DisconnectAsync(cluster[1].Router, "group");

        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session, "ann");
        Assert.Equal(session.Id, (await ResumedSession.ReadAsync(again)).Id);
        Assert.Empty(cluster.SessionsEnded);
    }

    private static ValueTask DisconnectAsync(IWebSocketRouter router, string by) => by switch
    {
        "user" => router.DisconnectUserAsync("ann", (WebSocketCloseStatus)4001, cancellationToken: Cancellation),
        "group" => router.DisconnectGroupAsync("red", (WebSocketCloseStatus)4001, cancellationToken: Cancellation),
        _ => router.DisconnectAllAsync((WebSocketCloseStatus)4001, cancellationToken: Cancellation),
    };

    private static async Task<(FakeClient Client, ResumedSession Session)> JoinRedAsync(FakeCluster cluster)
    {
        var client = await ResumedSession.ConnectAsync(cluster, 0, user: "ann");
        var session = await ResumedSession.ReadAsync(client);
        await cluster[0].Router.AddToGroupAsync(session.Id, "red", Cancellation);
        await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 1, Cancellation);
        return (client, session);
    }

    private static async Task PassAsync(FakeCluster cluster, int seconds)
    {
        for (var i = 0; i < seconds; i++)
        {
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(1), Cancellation);
        }
    }

    /// <summary>Waits until all of these changes have been told; how those of the user and of groups mix is not promised.</summary>
    private Task WaitForPresenceAsync(params string[] changes) => Eventually.TrueAsync(
        () => changes.Order(StringComparer.Ordinal).SequenceEqual(_presence.Changes.Order(StringComparer.Ordinal)),
        $"presence has told {string.Join(", ", changes)}");

    private Task<FakeCluster> StartAsync(bool countAwayAsPresent = true, int window = 5) => FakeCluster.StartAsync(
        nodes: 2,
        options => options
            .ConfigureServices(services => services.AddSingleton<IPresenceObserver>(_presence))
            .ConfigureSockets(sockets => sockets.AddHub("default", hub =>
            {
                hub.EnableLog = true;
                hub.EnableResume = true;
                hub.ResumeWindow = TimeSpan.FromSeconds(window);
                hub.CountAwayAsPresent = countAwayAsPresent;
                hub.Presence = PresenceScope.UsersAndGroups;
            }))
            .ConfigureApp(static app => app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => connection.SendAsync(message, token))),
        cancellationToken: Cancellation);

    private sealed class PresenceLog : IPresenceObserver
    {
        internal ConcurrentQueue<string> Changes { get; } = new();

        public ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken)
        {
            Changes.Enqueue(change.Group is null ? $"{change.Kind}" : $"{change.Kind} {change.Group}");
            return ValueTask.CompletedTask;
        }
    }
}
