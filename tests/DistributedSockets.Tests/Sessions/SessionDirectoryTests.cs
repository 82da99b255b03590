using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace DistributedSockets.Tests.Sessions;

/// <summary>What apps ask the directory, on running nodes.</summary>
public sealed class SessionDirectoryTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Questions_OfAnApp_AreAnsweredOnEveryNode()
    {
        var cluster = new InMemoryCluster();
        await using var first = await AppNode.StartAsync(cluster);
        await using var second = await AppNode.StartAsync(cluster);
        await using var alice = await first.ConnectAsync("alice");
        await using var other = await second.ConnectAsync("alice");
        await using var bob = await second.ConnectAsync("bob");
        var (aliceId, otherId, bobId) = (alice.Id, other.Id, bob.Id);
        foreach (var (id, group) in new[] { (aliceId, "red"), (bobId, "red"), (otherId, "blue") })
        {
            await first.Router.AddToGroupAsync(id, group, Cancellation);
        }

        foreach (var node in new[] { first, second })
        {
            var directory = node.Services.GetRequiredService<ISessionDirectory<ProbeHandler>>();
            await Eventually.TrueAsync(async () => await directory.CountGroupAsync("red", Cancellation) == 2 && await directory.CountGroupAsync("blue", Cancellation) == 1, "all is written");

            Assert.Equal("probe", directory.Hub);
            Assert.Equal("bob", (await directory.FindAsync(bobId, Cancellation))?.UserId);
            Assert.Null(await directory.FindAsync("default", bobId, Cancellation));
            Assert.Equal(3, await directory.CountAsync(Cancellation));
            Assert.Equal(2, await directory.CountUserAsync("alice", Cancellation));
            Assert.Equal(1, await directory.CountAsync(SessionQuery.ForUserInGroup("probe", "alice", "red"), Cancellation));
            Assert.Equal(2, await directory.CountAsync(SessionQuery.ForNode(second.Services.GetRequiredService<NodeInfo>().NodeId), Cancellation));
            Assert.Equal([aliceId, otherId], await IdsAsync(directory.ListUserAsync("alice", Cancellation), aliceId, otherId));
            Assert.Equal([aliceId, bobId], await IdsAsync(directory.ListGroupAsync("red", Cancellation), aliceId, bobId));
            Assert.Equal([aliceId, otherId, bobId], await IdsAsync(directory.ListAsync(Cancellation), aliceId, otherId, bobId));
            Assert.Equal([true, false, true], await directory.AreOnlineAsync(["alice", "carol", "bob"], Cancellation));
            Assert.True(await directory.IsOnlineAsync("bob", Cancellation));
            Assert.False(await directory.IsOnlineAsync("default", "bob", Cancellation));
            var groups = await directory.ListGroupsAsync(GroupQuery.Largest("probe"), cancellationToken: Cancellation);
            Assert.Equal(["red: 2", "blue: 1"], groups.Groups.Select(static group => $"{group.Group}: {group.Connections}"));
        }

        // In the order of the ids asked for, as the store has none.
        static async Task<string[]> IdsAsync(IAsyncEnumerable<Session> sessions, params string[] order)
        {
            var ids = new List<string>();
            await foreach (var session in sessions)
            {
                ids.Add(session.ConnectionId);
            }

            return [.. ids.OrderBy(id => Array.IndexOf(order, id))];
        }
    }

    [Fact]
    public async Task Pages_ByTheTokenOfEach_ShowAllOnce()
    {
        await using var node = await AppNode.StartAsync();
        var directory = node.Services.GetRequiredService<ISessionDirectory<ProbeHandler>>();
        var clients = new List<TestClient>();
        for (var i = 0; i < 7; i++)
        {
            clients.Add(await node.ConnectAsync($"user{i}"));
            await node.Router.AddToGroupAsync(clients[i].Id, $"g{i}", Cancellation);
        }

        await Eventually.TrueAsync(async () => (await directory.ListGroupsAsync(GroupQuery.ByName("probe"), cancellationToken: Cancellation)).Groups.Count == 7, "all is written");
        var (users, groups) = (new List<string?>(), new List<string>());
        string? next = null;
        do
        {
            var page = await directory.ListPageAsync(SessionQuery.ForHub("probe"), 3, next, Cancellation);
            users.AddRange(page.Sessions.Select(static session => session.UserId));
            next = page.ContinuationToken;
            Assert.Matches(@"\A[A-Za-z0-9_-]{1,2048}\z", next ?? "end");
        }
        while (next is not null);

        do
        {
            var page = await directory.ListGroupsAsync(GroupQuery.ByName("probe"), 3, next, Cancellation);
            groups.AddRange(page.Groups.Select(static group => group.Group));
            next = page.ContinuationToken;
        }
        while (next is not null);

        Assert.Equal(Enumerable.Range(0, 7).Select(static i => $"user{i}"), users.Order());
        Assert.Equal(Enumerable.Range(0, 7).Select(static i => $"g{i}"), groups);
        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Fact]
    public async Task Token_ThatWasNotGivenForTheQuery_IsRefusedWithoutAskingTheStore()
    {
        var store = new Mock<ISessionStore>();
        var longest = string.Concat(Enumerable.Repeat("\u00e9", 512));
        store.Setup(static one => one.ListPageAsync(It.IsAny<SessionQuery>(), It.IsAny<int>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<SessionPage>(new SessionPage { Sessions = [], ContinuationToken = longest }));
        store.Setup(static one => one.ListGroupsAsync(It.IsAny<GroupQuery>(), It.IsAny<int>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<GroupPage>(new GroupPage { Groups = [], ContinuationToken = "3:red" }));
        var directory = new SessionDirectory(store.Object);
        var sessions = (await directory.ListPageAsync(SessionQuery.ForHub("chat"), 1, null, Cancellation)).ContinuationToken!;
        var groups = (await directory.ListGroupsAsync(GroupQuery.Largest("chat"), 1, null, Cancellation)).ContinuationToken!;
        store.Invocations.Clear();

        foreach (var token in new[] { "", "x", "nonsense!", groups, sessions[..^1], sessions + "A", sessions.ToUpperInvariant(), new string('A', 5_000), "AQ", "AQEBAQEBAQEB", "\0" })
        {
            var refused = await Assert.ThrowsAsync<ArgumentException>(async () => await directory.ListPageAsync(SessionQuery.ForHub("chat"), 1, token, Cancellation));
            Assert.Equal("continuationToken", refused.ParamName);
            Assert.Contains("null to begin", refused.Message);
        }

        foreach (var query in new[] { SessionQuery.ForHub("push"), SessionQuery.ForUser("chat", "alice"), SessionQuery.ForGroup("chat", "alice"), SessionQuery.ForNode("chat") })
        {
            await Assert.ThrowsAsync<ArgumentException>(async () => await directory.ListPageAsync(query, 1, sessions, Cancellation));
        }

        foreach (var query in new[] { GroupQuery.ByName("chat"), GroupQuery.ByName("chat", "3"), GroupQuery.Largest("push") })
        {
            await Assert.ThrowsAsync<ArgumentException>(async () => await directory.ListGroupsAsync(query, 1, groups, Cancellation));
        }

        Assert.Empty(store.Invocations);
        await directory.ListPageAsync(SessionQuery.ForHub("chat"), 1, sessions, Cancellation);
        await directory.ListGroupsAsync(GroupQuery.Largest("chat"), 1_000, groups, Cancellation);
        store.Verify(one => one.ListPageAsync(SessionQuery.ForHub("chat"), 1, longest, Cancellation));
        store.Verify(static one => one.ListGroupsAsync(GroupQuery.Largest("chat"), 1_000, "3:red", It.IsAny<CancellationToken>()));
    }

    [Fact]
    public async Task Token_OfTheStoreThatIsTooLong_IsAMistakeOfTheStore()
    {
        var store = new Mock<ISessionStore>();
        store.Setup(static one => one.ListPageAsync(It.IsAny<SessionQuery>(), It.IsAny<int>(), It.IsAny<string?>(), It.IsAny<CancellationToken>()))
            .Returns(new ValueTask<SessionPage>(new SessionPage { Sessions = [], ContinuationToken = new('x', 1_025) }));

        var mistake = await Assert.ThrowsAsync<InvalidOperationException>(async () => await new SessionDirectory(store.Object).ListPageAsync(SessionQuery.ForHub("chat"), 1, null, Cancellation));

        Assert.Contains("1025 bytes", mistake.Message);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(1_001)]
    public async Task Page_OfASizeOutOfRange_IsRefused(int size)
    {
        var directory = new SessionDirectory(Mock.Of<ISessionStore>());

        foreach (var refused in new[]
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await directory.ListPageAsync(SessionQuery.ForHub("chat"), size, null, Cancellation)),
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await directory.ListGroupsAsync(GroupQuery.Largest("chat"), size, null, Cancellation)),
        })
        {
            Assert.Contains("1 to 1000", refused.Message);
        }
    }

    [Fact]
    public async Task Question_WithABadHubOrUser_IsRefused()
    {
        var directory = new SessionDirectory(Mock.Of<ISessionStore>());

        await Assert.ThrowsAsync<ArgumentException>(async () => await directory.FindAsync("Chat!", "a.b", Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await directory.CountAsync(SessionQuery.ForUser("Chat!", "alice"), Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await directory.ListGroupsAsync(GroupQuery.ByName("{chat}"), cancellationToken: Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(async () => await directory.AreOnlineAsync("chat", ["alice", ""], Cancellation));
        Assert.Throws<ArgumentException>(() => directory.ListAsync(SessionQuery.ForHub("a b"), Cancellation));
        Assert.Throws<ArgumentException>(static () => GroupQuery.ByName("chat", "\ud83d"));
        Assert.Throws<ArgumentException>(static () => SessionQuery.ForUserInGroup("chat", "alice", ""));
    }

    [Fact]
    public async Task Nodes_AfterAHeartbeat_TellTheirVersionAndFigures()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.HeartbeatInterval = TimeSpan.FromMilliseconds(500));
        await using var client = await node.ConnectAsync("alice");
        var directory = node.Services.GetRequiredService<ISessionDirectory>();

        NodeInfo? info = null;
        await Eventually.TrueAsync(async () => (info = Assert.Single(await directory.ListNodesAsync(Cancellation))).Figures is { Connections: 1 }, "a heartbeat tells of the connection");

        Assert.Equal(typeof(NodeInfo).Assembly.GetName().Version!.ToString(3), info!.Version!.Split('-')[0]);
        Assert.DoesNotContain('+', info.Version);
        Assert.NotNull(info.AppVersion);
        Assert.InRange(info.Figures!.MemoryBytes, 1, long.MaxValue);
        Assert.Equal(0, info.Figures.QueuedBytes);
    }
}
