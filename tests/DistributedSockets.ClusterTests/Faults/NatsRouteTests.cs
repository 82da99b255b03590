using System.Net;
using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Two servers of a NATS cluster, a node on each, and the route between the servers breaks; sessions are in Redis.</summary>
public sealed class NatsRouteTests : IAsyncLifetime
{
    private readonly RedisFixture _redis = new();
    private readonly NatsServer _east = new();
    private readonly NatsServer _west = new();
    private FaultProxy? _route;
    private TestNodeProcess[] _nodes = [];

    private FaultProxy Route => _route!; // made before any test

    private TestNodeProcess East => _nodes[0];

    private TestNodeProcess West => _nodes[1];

    public async ValueTask InitializeAsync()
    {
        _east.SkipUnlessAvailable();
        await _redis.InitializeAsync();
        var name = SharedCluster.Unique("route");
        _east.FindClusterPort();
        _west.FindClusterPort();
        _route = FaultProxy.Start(_west.ClusterEndPoint);
        _west.JoinCluster(name, []);
        await _west.StartAsync();
        _east.JoinCluster(name, [Route.EndPoint]);
        await _east.StartAsync();
        await UntilRoutedAsync();
        _nodes = await TestNodeProcess.StartAsync(Settings("east", _east), Settings("west", _west));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        if (_route is not null)
        {
            await _route.DisposeAsync();
        }

        await _east.DisposeAsync();
        await _west.DisposeAsync();
        await _redis.DisposeAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Broken_EachSideGoesOn_AndWhenTheyHearEachOtherAgainTheLossIsReported(bool isBlackHole)
    {
        await using var alice = await East.ConnectAsync("alice", "group");
        await using var bob = await West.ConnectAsync("bob", "group");
        await SendAsync(East, "group/group", "before", alice, bob);
        await SendAsync(West, "group/group", "before too", alice, bob);

        if (isBlackHole)
        {
            Route.Swallow(FaultDirection.ToServer);
            Route.Swallow(FaultDirection.ToClient);
        }
        else
        {
            Route.Refuse();
        }

        await SendAsync(East, "group/group", "lost on its way west", alice);
        var lost = DateTimeOffset.UtcNow; // what was on its way through the proxy may have come until then
        await SendAsync(West, "group/group", "lost on its way east", bob);
        await using var carol = await West.ConnectAsync("carol", "newcomers"); // a subscription that the other server cannot confirm
        await SendAsync(West, "user/carol", "on its own side", carol);
        foreach (var node in _nodes)
        {
            await Guard.UntilAsync(() => Task.FromResult(node.Output()), static output => output.Contains("No node answers through the NATS server"), "the silence is logged");
            Assert.Equal("Healthy", await node.ReadinessAsync()); // the other side may as well have left
        }

        Route.Heal();

        foreach (var node in _nodes)
        {
            var events = await Guard.UntilAsync(node.EventsAsync, static events => events.Any(IsLoss), $"node {node.Settings.Name} reports the loss");
            var loss = Assert.Single(events, IsLoss);
            Assert.True(loss.From <= lost, $"It is reported from {loss.From:O} on, and a message was lost by {lost:O}.");
            Assert.Contains("was cut off", loss.Description);
        }

        await SendAsync(East, "group/group", "after", alice, bob);
        await SendAsync(West, "group/group", "after too", alice, bob);
        await SendAsync(East, "group/newcomers", "welcome", carol);
    }

    [Fact]
    public async Task BrokenForAMoment_BetweenTwoLooks_IsReportedOnBothSides()
    {
        await using var alice = await East.ConnectAsync("alice", "group");
        await using var bob = await West.ConnectAsync("bob", "group");
        await SendAsync(East, "group/group", "before", alice, bob);

        var links = Route.LinksMade;
        Route.Cut();
        await SendAsync(East, "group/group", "perhaps lost", alice);
        var lost = DateTimeOffset.UtcNow;
        await Guard.UntilAsync(() => Task.FromResult(Route.LinksMade > links), "the route is made again");
        await UntilRoutedAsync();

        foreach (var node in _nodes)
        {
            var events = await Guard.UntilAsync(node.EventsAsync, static events => events.Any(IsLoss), $"node {node.Settings.Name} reports the loss");
            Assert.True(events.First(IsLoss).From <= lost, $"It is reported from {events.First(IsLoss).From:O} on, and a message was lost by {lost:O}.");
        }

        await SendAsync(East, "group/group", "after", alice);
        await bob.SkipToAsync(static next => next.Text == "after");
    }

    private static bool IsLoss(EventAnswer happened) => happened is { Event: "possible_loss", Cause: "Transport" };

    private static async Task SendAsync(TestNodeProcess node, string target, string text, params DotNetClient[] receivers)
    {
        Assert.Equal(HttpStatusCode.Accepted, await node.SendAsync(target, text));
        foreach (var receiver in receivers)
        {
            await receiver.ExpectAsync(text);
        }
    }

    private NodeSettings Settings(string name, NatsServer server) => new()
    {
        Name = name,
        Transport = ["--nats", server.EndPoint, "--redis", _redis.EndPoint],
        Talkative = "DistributedSockets.NatsBackplane",
    };

    private Task UntilRoutedAsync() => Guard.UntilAsync(
        async () => (await _east.ReadInfoAsync()).Contains(_west.EndPoint, StringComparison.Ordinal)
            && (await _west.ReadInfoAsync()).Contains(_east.EndPoint, StringComparison.Ordinal),
        "the servers know each other");
}
