using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Testing;

/// <summary>What is promised of properties, of users in groups, of figures, and of lists page by page.</summary>
public abstract partial class SessionStoreConformanceTests
{
    [Fact]
    public async Task RenewLease_NewFigures_AreThoseListed()
    {
        var store = NewStore();
        var node = NewNode() with { Version = "1.2.3-beta.1", AppVersion = "4.5.6", Figures = new() { Connections = 7, QueuedBytes = 1L << 40, MemoryBytes = 3 } };
        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        Assert.Equal(node, Assert.Single(await NewStore().ListNodesAsync(Cancellation)));

        var later = node with { Figures = new() { Connections = 8 } };
        await store.RenewLeaseAsync(later, LongLease, Cancellation);
        Assert.Equal(later, Assert.Single(await NewStore().ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task Commit_SavedWithProperties_AreReadByEveryQueryAndClaimed()
    {
        var (store, node) = (NewStore(), NewNode());
        var tricky = "\"a\": {b}\r\n\0 \u00e9\ud83d\ude80";
        var session = NewSession(node, "alice", ["red"]) with { Properties = new Dictionary<string, string> { ["name"] = "Alice", [tricky] = tricky, ["empty"] = "" } };
        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        var reader = NewStore();
        AssertSame(session, await reader.FindAsync(Hub, session.ConnectionId, Cancellation));
        foreach (var query in QueriesOf(session))
        {
            AssertSame(session, Assert.Single(await ListAsync(reader, query)));
            AssertSame(session, Assert.Single(Assert.Single(await ListPagesAsync(reader, query, 10))));
        }

        await store.RenewLeaseAsync(node, ShortLease, Cancellation);
        await ExpireLeaseAsync(store, node.NodeId);
        AssertSame(session, Assert.Single(await ClaimAllAsync(reader, 10)));
    }

    [Fact]
    public async Task Commit_PropertiesSet_ReplaceThoseBeforeAndLeaveGroupsAlone()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]) with { Properties = new Dictionary<string, string> { ["name"] = "Alice", ["status"] = "here" } };
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        var away = session with { Properties = new Dictionary<string, string> { ["status"] = "away" } };
        await CommitAsync(store, node, new SessionChange { Kind = PropertiesSet, Session = away });
        AssertSame(away, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        AssertSame(away, Assert.Single(await ListAsync(NewStore(), SessionQuery.ForGroup(Hub, "red"))));

        var member = away with { Groups = ["red", "blue"] };
        await CommitAsync(store, node, new SessionChange { Kind = GroupAdded, Session = member, Group = "blue" });
        AssertSame(member, await store.FindAsync(Hub, session.ConnectionId, Cancellation));

        var bare = member with { Properties = new Dictionary<string, string>() };
        await CommitAsync(store, node, new SessionChange { Kind = PropertiesSet, Session = bare });
        AssertSame(bare, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "blue"))));
        Assert.Equal(["blue: 1", "red: 1"], await ListGroupsAsync(store));
    }

    [Fact]
    public async Task Find_IdThatNamesNoNode_IsFoundAtTheNodeThatHasIt()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (_, other) = await NewLiveNodeAsync();
        await CommitAsync(store, other, new SessionChange { Kind = Saved, Session = NewSession(other, "bob") });
        var session = NewSession(node, "alice", ["red"]) with { ConnectionId = $"{Guid.NewGuid():N}-_" };
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        AssertSame(session, await NewStore().FindAsync(Hub, session.ConnectionId, Cancellation));
        Assert.Null(await store.FindAsync("push", session.ConnectionId, Cancellation));
        Assert.Null(await store.FindAsync(Hub, $"{Guid.NewGuid():N}-_", Cancellation));

        var moved = session with { NodeId = other.NodeId };
        await CommitAsync(store, other, new SessionChange { Kind = Saved, Session = moved, IsContinued = true });
        await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = session, IsContinued = true });
        AssertSame(moved, await NewStore().FindAsync(Hub, session.ConnectionId, Cancellation));

        await CommitAsync(store, other, new SessionChange { Kind = Ended, Session = moved });
        Assert.Null(await store.FindAsync(Hub, session.ConnectionId, Cancellation));

        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        await store.RenewLeaseAsync(node, ShortLease, Cancellation);
        await ExpireLeaseAsync(store, node.NodeId);
        Assert.Null(await store.FindAsync(Hub, session.ConnectionId, Cancellation)); // nobody has it
    }

    [Fact]
    public async Task Commit_PropertiesSetAmongOtherChanges_LastStateWins()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (staying, ending) = (NewSession(node, "alice"), NewSession(node, "bob", ["red"]));
        var (first, second) = (With(staying, "1"), With(staying, "2") with { Groups = ["red"] });
        SessionChange[] changes =
        [
            new() { Kind = Saved, Session = staying },
            new() { Kind = Saved, Session = ending },
            new() { Kind = PropertiesSet, Session = first },
            new() { Kind = GroupAdded, Session = first with { Groups = ["red"] }, Group = "red" },
            new() { Kind = PropertiesSet, Session = second },
            new() { Kind = PropertiesSet, Session = With(ending, "1") },
            new() { Kind = Ended, Session = With(ending, "1") },
        ];

        await CommitAsync(store, node, changes);
        AssertSame(second, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));

        await CommitAsync(store, node, changes);
        AssertSame(second, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));

        // Of one that is not there, nothing comes into being.
        await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = second });
        await AssertUnseenAsync(store, second);

        static Session With(Session session, string status) => session with { Properties = new Dictionary<string, string> { ["status"] = status } };
    }

    [Fact]
    public async Task Queries_UserInGroup_FindOnlyWhoIsBoth()
    {
        var (store, first) = await NewLiveNodeAsync();
        var (other, second) = await NewLiveNodeAsync();
        Session[] both = [NewSession(first, "alice", ["red", "blue"]), NewSession(second, "alice", ["red"])];
        await CommitAsync(store, first, new() { Kind = Saved, Session = both[0] }, new() { Kind = Saved, Session = NewSession(first, "alice", ["blue"]) }, new() { Kind = Saved, Session = NewSession(first, "bob", ["red"]) });
        await CommitAsync(other, second, new() { Kind = Saved, Session = both[1] }, new() { Kind = Saved, Session = NewSession(second, "alice", ["red"]) with { Hub = "push" } });

        var query = SessionQuery.ForUserInGroup(Hub, "alice", "red");
        Assert.Equal(Ids(both), Ids(await ListAsync(store, query)));
        Assert.Equal(Ids(both), Ids((await ListPagesAsync(store, query, 1)).SelectMany(static page => page)));
        Assert.Equal(2, await store.CountAsync(query, Cancellation));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForUserInGroup(Hub, "bob", "blue"), Cancellation));
        Assert.Empty(await ListAsync(store, SessionQuery.ForUserInGroup(Hub, "red", "alice")));

        await CommitAsync(store, first, new SessionChange { Kind = GroupRemoved, Session = both[0] with { Groups = ["blue"] }, Group = "red" });
        AssertSame(both[1], Assert.Single(await ListAsync(store, query)));
        Assert.Equal(1, await store.CountAsync(query, Cancellation));
    }

    [Fact]
    public async Task ListPage_ManySessions_EachComesOnceAndPagesAreFull()
    {
        const int perNode = 137;
        var store = NewStore();
        var sessions = new List<Session>();
        foreach (var node in new[] { NewNode(), NewNode(), NewNode() })
        {
            Session[] ofNode = [.. Enumerable.Range(0, perNode).Select(i => NewSession(node, $"user{i % 2}", i % 3 == 0 ? ["all", "third"] : ["all"]))];
            await store.RenewLeaseAsync(node, LongLease, Cancellation);
            await CommitAsync(store, node, [.. ofNode.Select(static session => new SessionChange { Kind = Saved, Session = session })]);
            sessions.AddRange(ofNode);
        }

        var reader = NewStore();
        await AssertPagesAsync(SessionQuery.ForHub(Hub), sessions);
        await AssertPagesAsync(SessionQuery.ForGroup(Hub, "third"), sessions.Where(static session => session.Groups.Count == 2));
        await AssertPagesAsync(SessionQuery.ForUser(Hub, "user1"), sessions.Where(static session => session.UserId == "user1"));
        await AssertPagesAsync(SessionQuery.ForUserInGroup(Hub, "user1", "third"), sessions.Where(static session => session is { UserId: "user1", Groups.Count: 2 }));
        await AssertPagesAsync(SessionQuery.ForNode(sessions[0].NodeId), sessions.Take(perNode));
        Assert.Empty(Assert.Single(await ListPagesAsync(reader, SessionQuery.ForGroup(Hub, "none"), 10)));

        async Task AssertPagesAsync(SessionQuery query, IEnumerable<Session> expected)
        {
            var all = expected.ToDictionary(static session => session.ConnectionId);
            foreach (var pageSize in new[] { 50, all.Count, 1_000 })
            {
                var pages = await ListPagesAsync(reader, query, pageSize);
                Assert.Equal(Ids(all.Values), Ids(pages.SelectMany(static page => page)));
                Assert.Equal((all.Count + pageSize - 1) / pageSize, pages.Count);
                Assert.All(pages.SelectMany(static page => page), session => AssertSame(all[session.ConnectionId], session));
            }
        }
    }

    [Fact]
    public async Task ListPage_SessionsComeAndGo_ThoseThatStayComeOnce()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (_, leaving) = await NewLiveNodeAsync();
        Session[] stays = [.. Enumerable.Range(0, 60).Select(_ => NewSession(node, "alice", ["red"]))];
        var passing = new Queue<Session>(Enumerable.Range(0, 60).Select(_ => NewSession(node, "alice", ["red"])));
        await CommitAsync(store, node, [.. stays.Concat(passing).Select(static session => new SessionChange { Kind = Saved, Session = session })]);
        await CommitAsync(store, leaving, [.. Enumerable.Range(0, 5).Select(_ => new SessionChange { Kind = Saved, Session = NewSession(leaving, "alice", ["red"]) })]);
        var stayed = Ids(stays).ToHashSet();

        foreach (var query in new[] { SessionQuery.ForHub(Hub), SessionQuery.ForGroup(Hub, "red"), SessionQuery.ForNode(node.NodeId) })
        {
            var listed = (await ListPagesAsync(NewStore(), query, 7, ChangeAsync)).SelectMany(static page => page).Select(static session => session.ConnectionId).ToList();

            Assert.Equal(listed.Count, listed.Distinct().Count());
            Assert.Equal(Ids(stays), listed.Where(stayed.Contains).Order(StringComparer.Ordinal));
        }

        async Task ChangeAsync()
        {
            var (gone, come) = (passing.Dequeue(), NewSession(node, "alice", ["red"]));
            passing.Enqueue(come);
            await CommitAsync(store, node, new() { Kind = Ended, Session = gone }, new() { Kind = Saved, Session = come });
            await store.RemoveNodeAsync(leaving.NodeId, Cancellation);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("\0\uffff\ud83d\ude80")]
    [InlineData("a\nb")]
    [InlineData("-1:a")]
    [InlineData("1e9:a")]
    [InlineData("99999999999999999999:a")]
    [InlineData("{a}:*.>\n}{\n[")]
    public async Task ListPage_ForgedToken_IsRefusedOrLeadsSomewhere(string token)
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        SessionQuery[] queries = [SessionQuery.ForHub(Hub), SessionQuery.ForGroup(Hub, "red")];
        GroupQuery[] groups = [GroupQuery.ByName(Hub), GroupQuery.ByName(Hub, "r"), GroupQuery.Largest(Hub)];

        foreach (var query in queries)
        {
            await AssertOrderlyAsync(async () => Assert.InRange((await store.ListPageAsync(query, 10, token, Cancellation)).Sessions.Count, 0, 1));
        }

        foreach (var query in groups)
        {
            await AssertOrderlyAsync(async () => Assert.InRange((await store.ListGroupsAsync(query, 10, token, Cancellation)).Groups.Count, 0, 1));
        }

        AssertSame(session, Assert.Single(Assert.Single(await ListPagesAsync(store, SessionQuery.ForHub(Hub), 10))));

        static async Task AssertOrderlyAsync(Func<Task> call)
        {
            try
            {
                await call().WithinGuardAsync();
            }
            catch (ArgumentException)
            {
                // Refused; that is as good as a page.
            }
        }
    }

    [Fact]
    public async Task ListPage_TokenOfAnotherStore_GoesOnWhereThatStopped()
    {
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, 20).Select(i => new SessionChange { Kind = Saved, Session = NewSession(node, "alice", [$"g{i:00}"]) })]);

        var sessions = await store.ListPageAsync(SessionQuery.ForHub(Hub), 15, null, Cancellation);
        var others = await NewStore().ListPageAsync(SessionQuery.ForHub(Hub), 15, sessions.ContinuationToken, Cancellation);
        Assert.Equal(20, sessions.Sessions.Concat(others.Sessions).DistinctBy(static session => session.ConnectionId).Count());
        Assert.Null(others.ContinuationToken);
        Assert.InRange(System.Text.Encoding.UTF8.GetByteCount(sessions.ContinuationToken!), 0, 1_024);

        var groups = await store.ListGroupsAsync(GroupQuery.ByName(Hub), 15, null, Cancellation);
        var last = await NewStore().ListGroupsAsync(GroupQuery.ByName(Hub), 15, groups.ContinuationToken, Cancellation);
        Assert.Equal(["g15", "g16", "g17", "g18", "g19"], last.Groups.Select(static group => group.Group));
    }
}
