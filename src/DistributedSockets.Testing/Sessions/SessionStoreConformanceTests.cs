using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Testing;

/// <summary>What every <see cref="ISessionStore"/> promises. Derive from it once for each implementation and server.</summary>
public abstract partial class SessionStoreConformanceTests : SessionStoreSuite
{
    /// <summary>The lease of a node that is about to be lost.</summary>
    protected virtual TimeSpan ShortLease => TimeSpan.FromMilliseconds(100);

    /// <summary>Returns when a lease of <see cref="ShortLease"/>, taken just before, has run out, and one of <see cref="SessionStoreSuite.LongLease"/> has not.</summary>
    /// <param name="store">A store of the node's cluster.</param>
    /// <param name="nodeId">The node with the short lease.</param>
    /// <remarks>With a fake clock: advance it. With a server's clock: wait until the node is not listed any more, as this does unless overridden.</remarks>
    protected virtual Task ExpireLeaseAsync(ISessionStore store, string nodeId) => Eventually.TrueAsync(
        async () => (await store.ListNodesAsync(Cancellation)).All(node => node.NodeId != nodeId),
        $"node {nodeId} is not listed any more");

    [Fact]
    public async Task RenewLease_FirstTimeAndAgain_TellsWhetherItWasHeld()
    {
        var (store, node) = (NewStore(), NewNode());

        Assert.False(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        Assert.True(await NewStore().RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task RenewLease_AfterExpiry_TellsThatItWasTakenAnew()
    {
        var (store, node) = (NewStore(), NewNode());
        await LoseNodeAsync(store, node);

        Assert.False(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task RenewLease_BeforeExpiry_ProlongsIt()
    {
        var (store, node, other) = (NewStore(), NewNode(), NewNode());
        await store.RenewLeaseAsync(node, ShortLease, Cancellation);
        await store.RenewLeaseAsync(node, LongLease, Cancellation);

        await LoseNodeAsync(store, other);

        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task ListNodes_SeveralNodes_HaveAllTheyWereGiven()
    {
        var store = NewStore();
        NodeInfo[] nodes = [NewNode("web"), NewNode("web") with { Routing = "broadcast", Backplane = "redis: sharded", Sealing = "clear", Presence = "chat=users,game=none", Log = "chat=redis:0123abcd,game=off" }, NewNode("n\u00e4me: {with} \"all\" \ud83d\ude80")];
        foreach (var node in nodes)
        {
            await store.RenewLeaseAsync(node, LongLease, Cancellation);
        }

        Assert.Equal(nodes.OrderBy(node => node.NodeId), (await NewStore().ListNodesAsync(Cancellation)).OrderBy(node => node.NodeId));
    }

    [Fact]
    public async Task ListNodes_NobodyThere_IsEmpty()
    {
        Assert.Empty(await NewStore().ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task ListNodes_NodeLost_IsNotListed()
    {
        var (store, lost, live) = (NewStore(), NewNode(), NewNode());
        await store.RenewLeaseAsync(live, LongLease, Cancellation);
        await LoseNodeAsync(store, lost);

        Assert.Equal(live, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task Commit_Saved_IsFoundByEveryQueryFromEveryNode()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red", "blue"]);

        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        var reader = NewStore();
        AssertSame(session, await reader.FindAsync(Hub, session.ConnectionId, Cancellation));
        foreach (var query in QueriesOf(session))
        {
            AssertSame(session, Assert.Single(await ListAsync(reader, query)));
            Assert.Equal(1, await reader.CountAsync(query, Cancellation));
        }

        Assert.True(await reader.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    [Fact]
    public async Task Commit_SavedAnonymous_HasNoUser()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, user: null);

        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        var found = await store.FindAsync(Hub, session.ConnectionId, Cancellation);
        Assert.Null(found?.UserId);
        AssertSame(session, found);
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForHub(Hub), Cancellation));
    }

    [Fact]
    public async Task Commit_GroupAddedAndRemoved_QueriesFollow()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));

        var member = session with { Groups = ["red"] };
        await CommitAsync(store, node, new SessionChange { Kind = GroupAdded, Session = member, Group = "red" });
        AssertSame(member, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        AssertSame(member, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));

        await CommitAsync(store, node, new SessionChange { Kind = GroupRemoved, Session = session, Group = "red" });
        Assert.Empty(await ListAsync(store, SessionQuery.ForGroup(Hub, "red")));
        AssertSame(session, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, "alice"), Cancellation));
    }

    [Fact]
    public async Task Commit_Ended_IsGoneFromEveryQuery()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red", "blue"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = session });

        await AssertUnseenAsync(store, session);
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task Commit_EndedUnknown_DoesNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = NewSession(node, "alice", ["red"]) });

        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, "alice"), Cancellation));
    }

    [Fact]
    public async Task Commit_NoChanges_DoesNothing()
    {
        var (store, node) = await NewLiveNodeAsync();

        await CommitAsync(store, node);

        Assert.Equal(0, await store.CountAsync(SessionQuery.ForNode(node.NodeId), Cancellation));
    }

    [Fact]
    public async Task Commit_ManyChangesOfOneSession_AreAppliedInOrder()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        var changes = new List<SessionChange> { new() { Kind = Saved, Session = session } };
        var groups = new HashSet<string>();
        for (var i = 0; i < 1_000; i++)
        {
            var group = $"g{i % 7}";
            var kind = groups.Add(group) ? GroupAdded : GroupRemoved;
            if (kind == GroupRemoved)
            {
                groups.Remove(group);
            }

            changes.Add(new() { Kind = kind, Session = session with { Groups = [.. groups] }, Group = group });
        }

        await CommitAsync(store, node, [.. changes]);

        AssertSame(session with { Groups = [.. groups] }, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        for (var i = 0; i < 7; i++)
        {
            Assert.Equal(groups.Contains($"g{i}") ? 1 : 0, await store.CountAsync(SessionQuery.ForGroup(Hub, $"g{i}"), Cancellation));
        }
    }

    [Fact]
    public async Task Commit_ManyGroupChangesOfOneSession_ReadsItOnceAtMost()
    {
        const int joins = 100;
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red", "blue"]);
        var whole = session with { Groups = ["red", .. Enumerable.Range(0, joins).Select(static i => $"more{i}")] };
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        var reads = 0;

        await CommitAsync(store, node, [Change(GroupRemoved, "blue"), .. Enumerable.Range(0, joins).Select(i => Change(GroupAdded, $"more{i}"))]);

        Assert.InRange(reads, 0, 1); // each read copies all groups of the session, so to join costs the more the more there are
        AssertSame(whole, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        AssertSame(whole, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, $"more{joins - 1}"))));
        Assert.Empty(await ListAsync(store, SessionQuery.ForGroup(Hub, "blue")));
        AssertSame(whole, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));

        SessionChange Change(SessionChangeKind kind, string group) => new(
            kind,
            Hub,
            session.ConnectionId,
            group,
            source =>
            {
                reads++;
                return whole with { ConnectionId = (string)source };
            },
            session.ConnectionId);
    }

    [Fact]
    public async Task Commit_ConnectionEndedAndUserBackInOneBatch_LastStateWins()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (first, second) = (NewSession(node, "alice", ["red"]), NewSession(node, "alice", ["red"]));

        await CommitAsync(store, node, new() { Kind = Saved, Session = first }, new() { Kind = Ended, Session = first }, new() { Kind = Saved, Session = second }, new() { Kind = Saved, Session = first }, new() { Kind = Ended, Session = first });

        AssertSame(second, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    [Fact]
    public async Task Commit_SameChangesTwice_IsTheSameAsOnce()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (staying, ending) = (NewSession(node, "alice"), NewSession(node, "bob", ["red"]));
        SessionChange[] changes =
        [
            new() { Kind = Saved, Session = staying },
            new() { Kind = Saved, Session = ending },
            new() { Kind = GroupAdded, Session = staying with { Groups = ["red"] }, Group = "red" },
            new() { Kind = GroupAdded, Session = staying with { Groups = ["red", "blue"] }, Group = "blue" },
            new() { Kind = GroupRemoved, Session = staying with { Groups = ["blue"] }, Group = "red" },
            new() { Kind = Ended, Session = ending },
        ];

        await CommitAsync(store, node, changes);
        await CommitAsync(store, node, changes);

        AssertSame(staying with { Groups = ["blue"] }, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForHub(Hub), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "blue"), Cancellation));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal([true, false], await store.AreOnlineAsync(Hub, ["alice", "bob"], Cancellation));
    }

    [Fact]
    public async Task Commit_EachChangeTwice_IsTheSameAsOnce()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        var member = session with { Groups = ["red"] };

        await CommitAsync(store, node, new() { Kind = Saved, Session = session }, new() { Kind = Saved, Session = session }, new() { Kind = GroupAdded, Session = member, Group = "red" }, new() { Kind = GroupAdded, Session = member, Group = "red" });
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, "alice"), Cancellation));

        await CommitAsync(store, node, new() { Kind = Ended, Session = member }, new() { Kind = Ended, Session = member });
        await AssertUnseenAsync(store, member);
    }

    [Fact]
    public async Task Commit_NodeWithoutLease_IsSeenOnceItHasOne()
    {
        var (store, node) = (NewStore(), NewNode());
        var session = NewSession(node, "alice", ["red"]);

        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        await AssertUnseenAsync(store, session);

        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));
    }

    [Fact]
    public async Task Commit_ManyNodesAtOnce_AllIsThere()
    {
        const int perNode = 150;
        var nodes = Enumerable.Range(0, 4).Select(_ => NewNode()).ToArray();
        var sessions = new ConcurrentBag<Session>();

        await Task.WhenAll(nodes.Select(node => Task.Run(async () =>
        {
            var store = CreateStore(Cluster);
            await using (store)
            {
                await store.RenewLeaseAsync(node, LongLease, Cancellation);
                for (var i = 0; i < perNode; i++)
                {
                    var session = NewSession(node, $"user{i % 10}", ["all"]);
                    sessions.Add(session);
                    await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
                }
            }
        })));

        var reader = NewStore();
        var listed = await ListAsync(reader, SessionQuery.ForGroup(Hub, "all"));
        Assert.Equal(Ids(sessions), Ids(listed));
        Assert.Equal(sessions.Count, await reader.CountAsync(SessionQuery.ForHub(Hub), Cancellation));
        Assert.Equal(sessions.Count / 10, await reader.CountAsync(SessionQuery.ForUser(Hub, "user3"), Cancellation));
    }

    [Fact]
    public async Task Queries_WhileNodesWrite_SeeOnlyWholeSessions()
    {
        var (store, node) = await NewLiveNodeAsync();
        var reader = NewStore();
        var stable = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = stable });

        var writing = Task.Run(async () =>
        {
            for (var i = 0; i < 100; i++)
            {
                var passing = NewSession(node, "bob", ["red", "blue"]);
                await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = passing });
                await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = passing });
            }
        });
        await Task.WhenAll(writing, ReadAsync());
        AssertSame(stable, Assert.Single(await ListAsync(reader, SessionQuery.ForGroup(Hub, "red"))));

        async Task ReadAsync()
        {
            while (!writing.IsCompleted)
            {
                var listed = await ListAsync(reader, SessionQuery.ForGroup(Hub, "red"));
                AssertSame(stable, Assert.Single(listed, session => session.UserId == "alice"));
                Assert.All(listed.Where(session => session.UserId == "bob"), session => Assert.Equal(["blue", "red"], session.Groups.Order()));
                Assert.Equal(listed.Count, listed.DistinctBy(session => session.ConnectionId).Count());
            }
        }
    }

    [Fact]
    public async Task LargeNode_ListAndCount_AreComplete()
    {
        const int count = 3_000;
        var (store, node) = await NewLiveNodeAsync();
        var sessions = Enumerable.Range(0, count).Select(i => NewSession(node, $"user{i / 2}", ["all", $"g{i % 5}"])).ToArray();

        await CommitAsync(store, node, [.. sessions.Select(session => new SessionChange { Kind = Saved, Session = session })]);

        var reader = NewStore();
        Assert.Equal(Ids(sessions), Ids(await ListAsync(reader, SessionQuery.ForHub(Hub))));
        Assert.Equal(Ids(sessions), Ids(await ListAsync(reader, SessionQuery.ForGroup(Hub, "all"))));
        Assert.Equal(count, await reader.CountAsync(SessionQuery.ForNode(node.NodeId), Cancellation));
        Assert.Equal(count / 5, await reader.CountAsync(SessionQuery.ForGroup(Hub, "g4"), Cancellation));
        Assert.Equal(2, (await ListAsync(reader, SessionQuery.ForUser(Hub, "user7"))).Count);

        await store.ResetAsync(node.NodeId, Cancellation);
        Assert.Empty(await ListAsync(reader, SessionQuery.ForGroup(Hub, "all")));
    }

    [Fact]
    public async Task Queries_SeveralHubs_AreApart()
    {
        var (store, node) = await NewLiveNodeAsync();
        var chat = NewSession(node, "alice", ["red"]);
        var push = NewSession(node, "alice", ["red"]) with { Hub = "push" };
        await CommitAsync(store, node, new() { Kind = Saved, Session = chat }, new() { Kind = Saved, Session = push });

        AssertSame(push, Assert.Single(await ListAsync(store, SessionQuery.ForHub("push"))));
        AssertSame(push, Assert.Single(await ListAsync(store, SessionQuery.ForUser("push", "alice"))));
        AssertSame(chat, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        AssertSame(push, Assert.Single(await ListAsync(store, SessionQuery.ForNode(node.NodeId, "push"))));
        Assert.Equal(Ids([chat, push]), Ids(await ListAsync(store, SessionQuery.ForNode(node.NodeId))));
        Assert.Equal(2, await store.CountAsync(SessionQuery.ForNode(node.NodeId), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForNode(node.NodeId, Hub), Cancellation));
        Assert.Null(await store.FindAsync("push", chat.ConnectionId, Cancellation));
        Assert.Null(await store.FindAsync("none", chat.ConnectionId, Cancellation));

        await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = chat });
        Assert.False(await store.IsOnlineAsync(Hub, "alice", Cancellation));
        Assert.True(await store.IsOnlineAsync("push", "alice", Cancellation));
    }

    [Fact]
    public async Task Queries_SeveralNodes_AddUp()
    {
        var (store, first) = await NewLiveNodeAsync();
        var (_, second) = await NewLiveNodeAsync();
        Session[] sessions = [NewSession(first, "alice", ["red"]), NewSession(first, "bob", ["red"]), NewSession(second, "alice", ["red"])];
        await CommitAsync(store, first, new() { Kind = Saved, Session = sessions[0] }, new() { Kind = Saved, Session = sessions[1] });
        await CommitAsync(store, second, new SessionChange { Kind = Saved, Session = sessions[2] });

        Assert.Equal(Ids([sessions[0], sessions[2]]), Ids(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));
        Assert.Equal(3, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(2, await store.CountAsync(SessionQuery.ForNode(first.NodeId), Cancellation));
        AssertSame(sessions[2], Assert.Single(await ListAsync(store, SessionQuery.ForNode(second.NodeId))));

        await CommitAsync(store, first, new SessionChange { Kind = Ended, Session = sessions[0] });
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
        await CommitAsync(store, second, new SessionChange { Kind = Ended, Session = sessions[2] });
        Assert.False(await store.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    [Theory]
    [InlineData("alice", "Alice")]
    [InlineData("caf\u00e9", "cafe\u0301")]
    [InlineData("stra\u00dfe", "strasse")]
    [InlineData("i", "\u0131")]
    [InlineData("a:b", "a")]
    [InlineData("{a}", "a")]
    [InlineData("*", "a")]
    [InlineData("user:a", "a")]
    [InlineData(" a", "a")]
    [InlineData("a\"b\\c\r\n\0", "a\"b\\c\r\n")]
    [InlineData("\u7fa4\u7d44\ud83d\ude80", "\u7fa4\u7d44\ud83d\ude81")]
    public async Task Names_ThatLookAlike_AreDifferent(string one, string other)
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, one, [one]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, one))));
        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, one))));
        Assert.Empty(await ListAsync(store, SessionQuery.ForUser(Hub, other)));
        Assert.Empty(await ListAsync(store, SessionQuery.ForGroup(Hub, other)));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForUser(Hub, other), Cancellation));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForGroup(Hub, other), Cancellation));
        Assert.Equal([false, true], await store.AreOnlineAsync(Hub, [other, one], Cancellation));
    }

    [Fact]
    public async Task Names_AllTrickyOnesAtOnce_AreApart()
    {
        var (store, node) = await NewLiveNodeAsync();
        var names = TrickyNames.All;

        // Each is the user of one session and the group of the next.
        Session[] sessions = [.. names.Select((name, index) => NewSession(node, name, [names[(index + 1) % names.Count]]))];
        await CommitAsync(store, node, [.. sessions.Select(session => new SessionChange { Kind = Saved, Session = session })]);

        foreach (var session in sessions)
        {
            AssertSame(session, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
            AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, session.UserId!))));
            AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, session.Groups[0]))));
            Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, session.UserId!), Cancellation));
            Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, session.Groups[0]), Cancellation));
        }

        Session[] ended = [.. sessions.Where(static (_, index) => index % 2 == 0)];
        await CommitAsync(store, node, [.. ended.Select(session => new SessionChange { Kind = Ended, Session = session })]);
        Assert.Equal(names.Select((_, index) => index % 2 != 0), await store.AreOnlineAsync(Hub, names, Cancellation));

        await store.RenewLeaseAsync(node, ShortLease, Cancellation);
        await ExpireLeaseAsync(store, node.NodeId);
        var claimed = await ClaimAllAsync(NewStore(), 10);
        Session[] left = [.. sessions.Where(static (_, index) => index % 2 != 0)];
        Assert.Equal(Ids(left), Ids(claimed));
        Assert.All(left, session => AssertSame(session, claimed.Single(one => one.ConnectionId == session.ConnectionId)));
    }

    [Fact]
    public async Task Names_OfUserAndGroupAlike_AreApart()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (user, member) = (NewSession(node, "same"), NewSession(node, "other", ["same"]));
        await CommitAsync(store, node, new() { Kind = Saved, Session = user }, new() { Kind = Saved, Session = member });

        AssertSame(user, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "same"))));
        AssertSame(member, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "same"))));
    }

    [Fact]
    public async Task AreOnline_ManyUsers_AnswersInTheOrderAsked()
    {
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, 500).Where(i => i % 3 == 0).Select(i => new SessionChange { Kind = Saved, Session = NewSession(node, $"u{i}") })]);

        string[] asked = [.. Enumerable.Range(0, 500).Reverse().Select(i => $"u{i}"), "u3", "u3", "nobody"];
        var online = await NewStore().AreOnlineAsync(Hub, asked, Cancellation);

        Assert.Equal(asked.Select(user => user != "nobody" && int.Parse(user[1..]) % 3 == 0), online);
    }

    [Fact]
    public async Task AreOnline_NobodyAsked_IsEmpty()
    {
        var (store, _) = await NewLiveNodeAsync();

        Assert.Empty(await store.AreOnlineAsync(Hub, [], Cancellation));
    }

    [Fact]
    public async Task AreOnline_NoNodes_SaysNo()
    {
        Assert.Equal([false, false], await NewStore().AreOnlineAsync(Hub, ["alice", "bob"], Cancellation));
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData(".")]
    [InlineData(".abc")]
    [InlineData("abc.")]
    [InlineData("a{b}:c.d")]
    [InlineData("a.b.c")]
    [InlineData("*.*")]
    [InlineData("\0.\r\n")]
    public async Task Find_IdOfUnknownForm_IsNotFound(string connectionId)
    {
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = NewSession(node, "alice") });

        Assert.Null(await store.FindAsync(Hub, connectionId, Cancellation));
        Assert.Null(await store.FindAsync(Hub, connectionId + new string('x', 5_000), Cancellation));
    }

    [Fact]
    public async Task Queries_NothingMatches_AreEmpty()
    {
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = NewSession(node, "alice", ["red"]) });

        SessionQuery[] queries =
        [
            SessionQuery.ForHub("none"), SessionQuery.ForUser(Hub, "none"), SessionQuery.ForGroup(Hub, "none"),
            SessionQuery.ForNode("none"), SessionQuery.ForNode("a:{b}"), SessionQuery.ForNode(node.NodeId, "none"),
        ];
        foreach (var query in queries)
        {
            Assert.Empty(await ListAsync(store, query));
            Assert.Equal(0, await store.CountAsync(query, Cancellation));
        }

        Assert.Null(await store.FindAsync(Hub, $"{node.NodeId}.none", Cancellation));
        Assert.Null(await store.FindAsync(Hub, "none.none", Cancellation));
    }

    [Fact]
    public async Task NodeLost_Sessions_AreSeenByNoQuery()
    {
        var (store, node) = (NewStore(), NewNode());
        var session = NewSession(node, "alice", ["red"]);
        await LoseNodeAsync(store, node, session);

        await AssertUnseenAsync(store, session);
        await AssertUnseenAsync(NewStore(), session);
    }

    [Fact]
    public async Task NodeLost_BackBeforeAnyClaim_HasItsSessionsStill()
    {
        var (store, node) = (NewStore(), NewNode());
        var session = NewSession(node, "alice", ["red"]);
        await LoseNodeAsync(store, node, session);

        await store.RenewLeaseAsync(node, LongLease, Cancellation);

        Assert.Empty(await ClaimAllAsync(NewStore(), 10));
        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));
    }

    [Fact]
    public async Task Reset_NodeWithSessions_ForgetsThemAndKeepsTheLease()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (_, other) = await NewLiveNodeAsync();
        var (mine, pushed) = (NewSession(node, "alice", ["red"]), NewSession(node, "alice", ["red"]) with { Hub = "push" });
        var theirs = NewSession(other, "bob", ["red"]);
        await CommitAsync(store, node, new() { Kind = Saved, Session = mine }, new() { Kind = Saved, Session = pushed });
        await CommitAsync(store, other, new SessionChange { Kind = Saved, Session = theirs });

        await store.ResetAsync(node.NodeId, Cancellation);

        await AssertUnseenAsync(store, mine);
        await AssertUnseenAsync(store, pushed);
        AssertSame(theirs, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        Assert.Equal(2, (await store.ListNodesAsync(Cancellation)).Count);
    }

    [Fact]
    public async Task Reset_ThenCommit_HasOnlyWhatWasWrittenAgain()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red", "old"]);
        await CommitAsync(store, node, new() { Kind = Saved, Session = session }, new() { Kind = Saved, Session = NewSession(node, "bob", ["red"]) });

        await store.ResetAsync(node.NodeId, Cancellation);
        var written = session with { Groups = ["red", "new"] };
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = written });

        AssertSame(written, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForGroup(Hub, "old"), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "new"), Cancellation));
        Assert.Equal([true, false], await store.AreOnlineAsync(Hub, ["alice", "bob"], Cancellation));
    }

    [Fact]
    public async Task Reset_NothingThere_DoesNothing()
    {
        var (store, node) = await NewLiveNodeAsync();

        await store.ResetAsync(node.NodeId, Cancellation);
        await store.ResetAsync(NewNode().NodeId, Cancellation);

        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task RemoveNode_WithSessions_LeavesNothingToSeeOrClaim()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (_, other) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        await store.RemoveNodeAsync(node.NodeId, Cancellation);

        Assert.Equal(other, Assert.Single(await store.ListNodesAsync(Cancellation)));
        await AssertUnseenAsync(store, session);
        Assert.Empty(await ClaimAllAsync(store, 10));
        Assert.False(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        await AssertUnseenAsync(store, session);
    }

    [Fact]
    public async Task RemoveNode_UnknownOrTwice_DoesNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        await store.RemoveNodeAsync(NewNode().NodeId, Cancellation);
        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));

        await store.RemoveNodeAsync(node.NodeId, Cancellation);
        await store.RemoveNodeAsync(node.NodeId, Cancellation);
        Assert.Empty(await store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task ClaimExpired_NodesLive_TakesNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        Assert.Empty(await ClaimAllAsync(store, 10));
        AssertSame(session, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
    }

    [Fact]
    public async Task ClaimExpired_NodeLost_ReturnsWholeSessionsOnce()
    {
        var (store, node) = (NewStore(), NewNode());
        Session[] sessions =
        [
            NewSession(node, "alice", ["red", "blue"]), NewSession(node, user: null), NewSession(node, "bob", ["red"]) with { Hub = "push" },
        ];
        await LoseNodeAsync(store, node, sessions);

        var claimed = await ClaimAllAsync(store, 10);

        Assert.Equal(Ids(sessions), Ids(claimed));
        Assert.All(sessions, session => AssertSame(session, claimed.Single(other => other.ConnectionId == session.ConnectionId)));
        Assert.Empty(await ClaimAllAsync(NewStore(), 10));
    }

    [Fact]
    public async Task ClaimExpired_NodeBackAfterwards_StartsEmpty()
    {
        var (store, node) = (NewStore(), NewNode());
        var session = NewSession(node, "alice", ["red"]);
        await LoseNodeAsync(store, node, session);
        Assert.Single(await ClaimAllAsync(store, 10));

        Assert.False(await store.RenewLeaseAsync(node, LongLease, Cancellation));
        await AssertUnseenAsync(store, session);

        var next = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = next });
        AssertSame(next, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, "alice"), Cancellation));
        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task ClaimExpired_MoreThanAskedFor_ComesInPortions()
    {
        var (store, node) = (NewStore(), NewNode());
        var sessions = Enumerable.Range(0, 7).Select(i => NewSession(node, $"user{i}", ["red"])).ToArray();
        await LoseNodeAsync(store, node, sessions);

        var claimant = NewNode().NodeId;
        var claimed = new List<Session>();
        while (await store.ClaimExpiredAsync(claimant, 3, Cancellation) is { Count: > 0 } portion)
        {
            Assert.InRange(portion.Count, 1, 3);
            claimed.AddRange(portion);
        }

        Assert.Equal(Ids(sessions), Ids(claimed));
    }

    [Fact]
    public async Task ClaimExpired_ManySessionsOfSeveralNodes_AllAreTaken()
    {
        var store = NewStore();
        var sessions = new List<Session>();
        foreach (var node in new[] { NewNode(), NewNode() })
        {
            Session[] ofNode = [.. Enumerable.Range(0, 600).Select(i => NewSession(node, $"user{i % 50}", ["all"]))];
            sessions.AddRange(ofNode);
            await LoseNodeAsync(store, node, ofNode);
        }

        Assert.Equal(Ids(sessions), Ids(await ClaimAllAsync(store, 10_000)));
    }

    [Fact]
    public async Task ClaimExpired_SeveralClaimantsAtOnce_EachSessionGoesToOne()
    {
        var (store, node) = (NewStore(), NewNode());
        var sessions = Enumerable.Range(0, 500).Select(i => NewSession(node, $"user{i % 20}", ["all"])).ToArray();
        await LoseNodeAsync(store, node, sessions);
        var claimants = Enumerable.Range(0, 4).Select(_ => NewStore()).ToArray();
        foreach (var claimant in claimants)
        {
            await claimant.ListNodesAsync(Cancellation);
        }

        // An empty answer may mean that somebody else is at it: all of them go on until all is taken.
        var claimed = new ConcurrentBag<Session>();
        await Task.WhenAll(claimants.Select(claimant => Task.Run(() => Eventually.TrueAsync(
            async () =>
            {
                foreach (var session in await claimant.ClaimExpiredAsync(NewNode().NodeId, 50, Cancellation))
                {
                    claimed.Add(session);
                }

                return claimed.Count >= sessions.Length;
            },
            "all sessions of the lost node are claimed"))));

        Assert.Equal(Ids(sessions), Ids(claimed));
    }

    [Fact]
    public async Task ClaimExpired_LostNodesBesideLiveOnes_TakesOnlyTheLost()
    {
        var (store, live) = await NewLiveNodeAsync();
        var kept = NewSession(live, "alice", ["red"]);
        await CommitAsync(store, live, new SessionChange { Kind = Saved, Session = kept });
        var lost = NewNode();
        var taken = NewSession(lost, "alice", ["red"]);
        await LoseNodeAsync(store, lost, taken);

        AssertSame(taken, Assert.Single(await ClaimAllAsync(store, 10)));

        AssertSame(kept, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(live, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task Clusters_Different_ShareNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        var (lost, session) = (NewNode(), NewSession(node, "alice", ["red"]));
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        await LoseNodeAsync(store, lost, NewSession(lost, "bob"));

        var stranger = NewStore(Cluster + "-other");

        Assert.Empty(await stranger.ListNodesAsync(Cancellation));
        await AssertUnseenAsync(stranger, session);
        Assert.Empty(await ClaimAllAsync(stranger, 10));
        Assert.False(await stranger.RenewLeaseAsync(node, LongLease, Cancellation));
        await AssertUnseenAsync(stranger, session);
        await stranger.RemoveNodeAsync(node.NodeId, Cancellation);
        AssertSame(session, await store.FindAsync(Hub, session.ConnectionId, Cancellation));
        Assert.Single(await ClaimAllAsync(store, 10));
    }

    [Fact]
    public async Task List_LeftEarly_HarmsNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, 600).Select(_ => new SessionChange { Kind = Saved, Session = NewSession(node, "alice") })]);

        await foreach (var session in store.ListAsync(SessionQuery.ForHub(Hub), Cancellation))
        {
            Assert.Equal("alice", session.UserId);
            break;
        }

        Assert.Equal(600, (await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))).Count);
    }

    [Fact]
    public async Task AnyCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        var cancelled = new CancellationToken(canceled: true);

        await AssertCompletesOrIsCancelledAsync(async () => await store.RenewLeaseAsync(node, LongLease, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.CommitAsync(node.NodeId, [new() { Kind = Saved, Session = session }], cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.ClaimExpiredAsync(NewNode().NodeId, 10, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.FindAsync(Hub, session.ConnectionId, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.CountAsync(SessionQuery.ForHub(Hub), cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.AreOnlineAsync(Hub, ["alice"], cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.ListPageAsync(SessionQuery.ForHub(Hub), 10, null, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.ListGroupsAsync(GroupQuery.Largest(Hub), 10, null, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await store.ListNodesAsync(cancelled));
        await AssertCompletesOrIsCancelledAsync(async () =>
        {
            await foreach (var listed in store.ListAsync(SessionQuery.ForHub(Hub), cancelled))
            {
                AssertSame(session, listed);
            }
        });

        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task AnyCall_TokenCancelledMeanwhile_EndsAndHarmsNothing()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        for (var i = 0; i < 20; i++)
        {
            var passing = NewSession(node, "bob", ["red"]);
            SessionChange[] changes = [new() { Kind = Saved, Session = passing with { Groups = [] } }, new() { Kind = GroupAdded, Session = passing, Group = "red" }];
            await CancelMeanwhileAsync(token => store.CommitAsync(node.NodeId, changes, token).AsTask());
            await CancelMeanwhileAsync(token => store.RenewLeaseAsync(node, LongLease, token).AsTask());
            await CancelMeanwhileAsync(token => store.FindAsync(Hub, passing.ConnectionId, token).AsTask());
            await CancelMeanwhileAsync(token => store.CountAsync(SessionQuery.ForGroup(Hub, "red"), token).AsTask());
            await CancelMeanwhileAsync(token => store.AreOnlineAsync(Hub, ["alice", "bob"], token).AsTask());
            await CancelMeanwhileAsync(token => store.ListPageAsync(SessionQuery.ForHub(Hub), 10, null, token).AsTask());
            await CancelMeanwhileAsync(token => store.ListGroupsAsync(GroupQuery.ByName(Hub), 10, null, token).AsTask());
            await CancelMeanwhileAsync(token => store.ListNodesAsync(token).AsTask());
            await CancelMeanwhileAsync(token => store.ClaimExpiredAsync(node.NodeId, 10, token).AsTask());

            // What was given up may have been written or not; written again, it is there once.
            await CommitAsync(store, node, changes);
            AssertSame(passing, Assert.Single(await ListAsync(store, SessionQuery.ForUser(Hub, "bob"))));
            await CancelMeanwhileAsync(token => store.CommitAsync(node.NodeId, [new() { Kind = Ended, Session = passing }], token).AsTask());
            await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = passing });
            AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));

            // Given up after as many round trips as it takes to be anywhere in it, and taken back at once.
            var asked = i % 5;
            await CancelMeanwhileAsync(token => store.CommitAsync(node.NodeId, changes, token).AsTask(), AskAsync);
            await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = passing });
            AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
            Assert.Equal(["red: 1"], await ListGroupsAsync(store));
            Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));

            async Task AskAsync()
            {
                for (; asked > 0; asked--)
                {
                    await store.FindAsync(Hub, session.ConnectionId, Cancellation);
                }
            }
        }

        var leaving = NewNode();
        await store.RenewLeaseAsync(leaving, LongLease, Cancellation);
        await CommitAsync(store, leaving, new SessionChange { Kind = Saved, Session = NewSession(leaving, "bob") });
        await CancelMeanwhileAsync(token => store.ResetAsync(leaving.NodeId, token).AsTask());
        await store.ResetAsync(leaving.NodeId, Cancellation);
        await CancelMeanwhileAsync(token => store.RemoveNodeAsync(leaving.NodeId, token).AsTask());
        await store.RemoveNodeAsync(leaving.NodeId, Cancellation);

        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        Assert.Equal([true, false], await store.AreOnlineAsync(Hub, ["alice", "bob"], Cancellation));
        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));
        Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task List_TokenCancelledMeanwhile_Ends()
    {
        const int count = 600;
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, count).Select(_ => new SessionChange { Kind = Saved, Session = NewSession(node, "alice") })]);

        // Asked for with the query or with the enumeration.
        foreach (var withQuery in new[] { true, false })
        {
            using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
            var listed = 0;
            await AssertCompletesOrIsCancelledAsync(async () =>
            {
                var stream = store.ListAsync(SessionQuery.ForHub(Hub), withQuery ? cancelling.Token : CancellationToken.None);
                await foreach (var session in stream.WithCancellation(withQuery ? CancellationToken.None : cancelling.Token))
                {
                    Assert.Equal("alice", session.UserId);
                    listed++;
                    await cancelling.CancelAsync();
                }
            });
            Assert.InRange(listed, 1, count - 1);
        }

        Assert.Equal(count, (await ListAsync(store, SessionQuery.ForUser(Hub, "alice"))).Count);
    }

    [Fact]
    public async Task AnyCall_FromManyThreads_EachDoesItsWork()
    {
        const int workers = 6;
        const int rounds = 10;
        var store = NewStore();
        var stays = new ConcurrentBag<Session>();

        // One store object for all; a node's own writes follow one another, as its node sees to.
        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var node = NewNode();
            await store.RenewLeaseAsync(node, LongLease, Cancellation);
            for (var i = 0; i < rounds; i++)
            {
                var (passing, staying) = (NewSession(node, $"passing{worker}", ["red"]), NewSession(node, $"user{worker}", ["red"]));
                stays.Add(staying);
                await CommitAsync(store, node, new() { Kind = Saved, Session = passing }, new() { Kind = Saved, Session = staying });

                // At once, so that calls overlap however few threads there are.
                var (found, counted) = (store.FindAsync(Hub, staying.ConnectionId, Cancellation).AsTask(), store.CountAsync(SessionQuery.ForHub(Hub), Cancellation).AsTask());
                var online = store.AreOnlineAsync(Hub, [$"passing{worker}", $"user{worker}"], Cancellation).AsTask();
                await Task.WhenAll(found, counted, online);
                Assert.Equal([true, true], await online);
                AssertSame(staying, await found);
                Assert.InRange(await counted, 2, 2 * workers * rounds);
                await CommitAsync(store, node, new SessionChange { Kind = Ended, Session = passing });
                Assert.Equal(i + 1, await store.CountAsync(SessionQuery.ForNode(node.NodeId), Cancellation));
                Assert.Empty(await store.ClaimExpiredAsync(node.NodeId, 10, Cancellation));
                Assert.Contains(await ListGroupsAsync(store), static group => group.StartsWith("red: ", StringComparison.Ordinal));
                Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
                Assert.Contains(node, await store.ListNodesAsync(Cancellation));
                Assert.Equal(i + 1, (await ListAsync(store, SessionQuery.ForUser(Hub, $"user{worker}"))).Count);
            }
        })));

        Assert.Equal(workers * rounds, stays.Count);
        Assert.Equal(Ids(stays), Ids(await ListAsync(store, SessionQuery.ForGroup(Hub, "red"))));
        Assert.Equal([$"red: {workers * rounds}"], await ListGroupsAsync(store));
        Assert.Equal(workers, (await store.ListNodesAsync(Cancellation)).Count);
    }

    [Fact]
    public async Task AnyCall_ArgumentMissing_ThrowsArgumentException()
    {
        var store = NewStore();

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.RenewLeaseAsync(null!, LongLease, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.RemoveNodeAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.RemoveNodeAsync("", Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.CommitAsync(null!, [], Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.CommitAsync("node", null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ResetAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ClaimExpiredAsync(null!, 1, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ClaimExpiredAsync("node", 0, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.FindAsync(null!, "a.b", Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.FindAsync(Hub, null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.CountAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.AreOnlineAsync(Hub, null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await ListAsync(store, null!));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ListPageAsync(null!, 1, null, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ListPageAsync(SessionQuery.ForHub(Hub), 0, null, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ListGroupsAsync(null!, 1, null, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ListGroupsAsync(GroupQuery.ByName(Hub), 0, null, Cancellation));
    }

    [Fact]
    public async Task Dispose_Twice_IsTheSameAsOnceAndLeavesOthersWorking()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });

        await Task.WhenAll(store.DisposeAsync().WithinGuardAsync(), store.DisposeAsync().WithinGuardAsync());
        await store.DisposeAsync().WithinGuardAsync();

        // Its lease goes with time, not with the object: a node gives it back by RemoveNodeAsync.
        AssertSame(session, await NewStore().FindAsync(Hub, session.ConnectionId, Cancellation));
    }

    [Fact]
    public async Task Dispose_WhileCallsRun_TheyEndAndOthersGoOn()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        var (disposed, calls) = (false, 0);
        Func<Task>[] loops =
        [
            async () => await store.CommitAsync(node.NodeId, [new() { Kind = Saved, Session = session }], Cancellation),
            async () => await store.RenewLeaseAsync(node, LongLease, Cancellation),
            async () => await ListAsync(store, SessionQuery.ForHub(Hub)),
            async () => await store.AreOnlineAsync(Hub, ["alice"], Cancellation),
        ];
        var running = loops.Select(call => Task.Run(async () =>
        {
            // Once more when it is disposed.
            for (var isLast = false; !isLast;)
            {
                isLast = Volatile.Read(ref disposed);
                try
                {
                    await call();
                }
                catch (Exception exception) when (exception is SessionStoreUnavailableException or ObjectDisposedException)
                {
                    await Task.Yield();
                }

                Interlocked.Increment(ref calls);
            }
        })).ToArray();
        await Eventually.TrueAsync(() => Volatile.Read(ref calls) > 100, "calls run");

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => store.DisposeAsync().WithinGuardAsync())));
        Volatile.Write(ref disposed, true);
        await Task.WhenAll(running).WithinGuardAsync();

        var other = NewStore();
        AssertSame(session, Assert.Single(await ListAsync(other, SessionQuery.ForGroup(Hub, "red"))));
        Assert.True(await other.RenewLeaseAsync(node, LongLease, Cancellation));
    }

    [Fact]
    public async Task Dispose_UsedStore_NothingHoldsItAnyMore()
    {
        var staying = NewStore();

        var gone = await UseAndDisposeAsync(staying);

        await Eventually.TrueAsync(() => Garbage.CountAlive(gone) == 0, "the disposed store can be collected");
        Assert.Empty(await ListAsync(staying, SessionQuery.ForHub(Hub)));
    }

    [Fact]
    public async Task Commit_TenThousandSessionsEnded_NothingIsHeldOfThem()
    {
        const int count = 10_000;
        var (store, node) = await NewLiveNodeAsync();

        var ended = await SaveAndEndAsync(store, node, count);

        await Eventually.TrueAsync(() => Garbage.CountAlive(ended) <= count / 100, "the store has forgotten the sessions that have ended");
        Assert.Equal(0, await store.CountAsync(SessionQuery.ForHub(Hub), Cancellation));
    }

    [Fact]
    public async Task Dispose_NeverUsed_Completes()
    {
        await CreateStore(Cluster).DisposeAsync().WithinGuardAsync();
    }

    /// <summary>Writes a node's sessions and lets its lease run out.</summary>
    /// <param name="store">A store.</param>
    /// <param name="node">The node.</param>
    /// <param name="sessions">Its sessions.</param>
    protected async Task LoseNodeAsync(ISessionStore store, NodeInfo node, params Session[] sessions)
    {
        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        await CommitAsync(store, node, [.. sessions.Select(session => new SessionChange { Kind = Saved, Session = session })]);
        await store.RenewLeaseAsync(node, ShortLease, Cancellation);
        await ExpireLeaseAsync(store, node.NodeId);
    }

    /// <summary>Claims for a new node until nothing is left.</summary>
    /// <param name="store">A store.</param>
    /// <param name="maxSessions">How many to ask for at once.</param>
    protected static async Task<List<Session>> ClaimAllAsync(ISessionStore store, int maxSessions)
    {
        var claimant = NewNode().NodeId;
        var claimed = new List<Session>();
        while (await store.ClaimExpiredAsync(claimant, maxSessions, Cancellation).WithinGuardAsync() is { Count: > 0 } portion)
        {
            claimed.AddRange(portion);
        }

        return claimed;
    }

    // What these two use lives in them alone, so that afterwards only the store can hold it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference[]> UseAndDisposeAsync(ISessionStore other)
    {
        var (store, node) = (CreateStore(Cluster), NewNode());
        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        AssertSame(session, Assert.Single(await ListAsync(other, SessionQuery.ForHub(Hub))));
        await store.RemoveNodeAsync(node.NodeId, Cancellation);
        await store.DisposeAsync().WithinGuardAsync();
        return [new(store), new(session)];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static async Task<WeakReference[]> SaveAndEndAsync(ISessionStore store, NodeInfo node, int count)
    {
        Session[] sessions = [.. Enumerable.Range(0, count).Select(i => NewSession(node, $"user{i}", ["all", $"group{i}"]))];
        foreach (var batch in sessions.Chunk(1_000))
        {
            await CommitAsync(store, node, [.. batch.Select(static session => new SessionChange { Kind = Saved, Session = session })]);
        }

        Assert.Equal(count, await store.CountAsync(SessionQuery.ForGroup(Hub, "all"), Cancellation));
        foreach (var batch in sessions.Chunk(1_000))
        {
            await CommitAsync(store, node, [.. batch.Select(static session => new SessionChange { Kind = Ended, Session = session })]);
        }

        return [.. sessions.Select(static session => new WeakReference(session))];
    }

    private static string[] Ids(IEnumerable<Session> sessions) => [.. sessions.Select(session => session.ConnectionId).Order(StringComparer.Ordinal)];
}
