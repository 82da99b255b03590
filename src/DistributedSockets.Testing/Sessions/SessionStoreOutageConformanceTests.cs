using static DistributedSockets.SessionChangeKind;

namespace DistributedSockets.Testing;

/// <summary>What every <see cref="ISessionStore"/> promises for the time when its server is away, and for the time after.</summary>
/// <remarks>
/// For stores whose server can be away: derive from it besides <see cref="SessionStoreConformanceTests"/>. Each test object needs a server
/// of its own, as it is taken away.
/// </remarks>
public abstract class SessionStoreOutageConformanceTests : SessionStoreSuite
{
    /// <summary>Takes the server away from all stores of this object: stops it, or cuts the links to it.</summary>
    /// <remarks>Called while there are stores, and before the first. Returns when nothing passes any more.</remarks>
    protected abstract Task CutAsync();

    /// <summary>Gives the server back, at the same address, whether or not it has kept its data.</summary>
    protected abstract Task RestoreAsync();

    [Fact]
    public async Task AnyCall_StoreAway_ThrowsWithinBoundedTimeAndWorksLater()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        await CutAsync();

        await AssertAllThrowAsync(store, session);

        await RestoreAsync();
        await AssertAllWorkAsync(store, session);
    }

    [Fact]
    public async Task AnyCall_StoreAwayFromTheBeginning_ThrowsAndWorksLater()
    {
        await CutAsync();
        var (store, session) = (NewStore(), NewSession(NewNode(), "alice", ["red"]));

        await AssertAllThrowAsync(store, session);

        await RestoreAsync();
        await AssertAllWorkAsync(store, session);
    }

    [Fact]
    public async Task AnyCall_StoreAwaySeveralTimes_ThrowsEachTimeAndWorksInBetween()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice", ["red"]);
        for (var outage = 1; outage <= 3; outage++)
        {
            await CutAsync();
            await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => store.FindAsync(Hub, session.ConnectionId, Cancellation).WithinGuardAsync());
            await RestoreAsync();
            await AssertAllWorkAsync(store, session);
        }
    }

    [Fact]
    public async Task AnyCall_CancelledWhileStoreIsAway_Ends()
    {
        var (store, node) = await NewLiveNodeAsync();
        await CutAsync();

        await CancelMeanwhileAsync(token => EndsInOrderlyWayAsync(store.RenewLeaseAsync(node, LongLease, token).AsTask()));
        await CancelMeanwhileAsync(token => EndsInOrderlyWayAsync(store.CommitAsync(node.NodeId, [new() { Kind = Saved, Session = NewSession(node, "alice") }], token).AsTask()));
        await CancelMeanwhileAsync(token => EndsInOrderlyWayAsync(store.CountAsync(SessionQuery.ForHub(Hub), token).AsTask()));
    }

    [Fact]
    public async Task RenewLease_StoreBack_TellsWhetherEverythingIsStillThere()
    {
        var (store, node) = await NewLiveNodeAsync();
        Session[] sessions = [NewSession(node, "alice", ["red"]), NewSession(node, "bob", ["red"]), NewSession(node, user: null)];
        await CommitAsync(store, node, [.. sessions.Select(session => new SessionChange { Kind = Saved, Session = session })]);
        await CutAsync();
        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => store.RenewLeaseAsync(node, LongLease, Cancellation).WithinGuardAsync());
        await RestoreAsync();

        if (!await PatientlyAsync(() => store.RenewLeaseAsync(node, LongLease, Cancellation)))
        {
            await PatientlyAsync(async () => await store.ResetAsync(node.NodeId, Cancellation));
            await PatientlyAsync(async () => await store.CommitAsync(node.NodeId, [.. sessions.Select(session => new SessionChange { Kind = Saved, Session = session })], Cancellation));
        }

        Assert.True(await PatientlyAsync(() => store.RenewLeaseAsync(node, LongLease, Cancellation)));
        await AssertHasAsync(store, sessions);
        await AssertHasAsync(NewStore(), sessions);
        Assert.Equal(node, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task Commit_WhileStoreGoesAndComes_LastStateWins()
    {
        var (store, node) = await NewLiveNodeAsync();
        var session = NewSession(node, "alice");
        var (groups, changed) = (new Queue<string>(), new HashSet<string>());
        var (done, failures, written) = (false, 0, 0);
        var committing = Task.Run(async () =>
        {
            await PatientlyAsync(async () => await store.CommitAsync(node.NodeId, [new() { Kind = Saved, Session = session }], Cancellation));
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                // No state comes twice, so that an older one is never taken for the last.
                var kind = groups.Count < 7 ? GroupAdded : GroupRemoved;
                var group = kind == GroupAdded ? $"g{i}" : groups.Dequeue();
                if (kind == GroupAdded)
                {
                    groups.Enqueue(group);
                }

                SessionChange change = new() { Kind = kind, Session = session with { Groups = [.. groups] }, Group = group };
                await PatientlyAsync(
                    async () => await store.CommitAsync(node.NodeId, [change], Cancellation),
                    onFailure: () => Interlocked.Increment(ref failures));
                changed.Add(group);
                Interlocked.Increment(ref written);
            }
        });

        for (var outage = 1; outage <= 2; outage++)
        {
            var before = Volatile.Read(ref written);
            await Eventually.TrueAsync(() => Volatile.Read(ref written) > before + 5, "changes are written");
            var failed = Volatile.Read(ref failures);
            await CutAsync();
            await Eventually.TrueAsync(() => Volatile.Read(ref failures) > failed, "a commit fails");
            await RestoreAsync();
        }

        var last = Volatile.Read(ref written);
        await Eventually.TrueAsync(() => Volatile.Read(ref written) > last + 5, "changes are written again");
        Volatile.Write(ref done, true);
        await committing.WithinGuardAsync();

        session = session with { Groups = [.. groups] };
        if (!await store.RenewLeaseAsync(node, LongLease, Cancellation))
        {
            await store.ResetAsync(node.NodeId, Cancellation);
            await CommitAsync(store, node, new SessionChange { Kind = Saved, Session = session });
        }

        AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        Assert.Equal(groups.Order(StringComparer.Ordinal).Select(static group => $"{group}: 1"), await ListGroupsAsync(store));
        foreach (var group in changed)
        {
            Assert.Equal(groups.Contains(group) ? 1 : 0, await store.CountAsync(SessionQuery.ForGroup(Hub, group), Cancellation));
        }

        // A commit that was refused is not done later either: its join would show once all groups are left, and its leave once all are joined.
        await ChangeAllAsync(GroupRemoved, groups, []);
        await ChangeAllAsync(GroupAdded, changed, [.. changed]);

        async Task ChangeAllAsync(SessionChangeKind kind, IEnumerable<string> all, string[] then)
        {
            session = session with { Groups = then };
            await CommitAsync(store, node, [.. all.Select(group => new SessionChange { Kind = kind, Session = session, Group = group })]);
            Assert.True(await store.RenewLeaseAsync(node, LongLease, Cancellation));
            AssertSame(session, Assert.Single(await ListAsync(store, SessionQuery.ForHub(Hub))));
        }
    }

    [Fact]
    public async Task List_StoreGoesMeanwhile_EndsOrThrows()
    {
        const int count = 2_000;
        var (store, node) = await NewLiveNodeAsync();
        await CommitAsync(store, node, [.. Enumerable.Range(0, count).Select(_ => new SessionChange { Kind = Saved, Session = NewSession(node, "alice") })]);
        var listed = new HashSet<string>();
        var isWhole = true;

        try
        {
            await ListAndCutAsync().WithinGuardAsync();
        }
        catch (SessionStoreUnavailableException)
        {
            isWhole = false;
        }

        // Cut short, a list that ends like any other would hide sessions.
        Assert.True(!isWhole || listed.Count == count, $"The list ended after {listed.Count} of {count} sessions as if these were all.");

        async Task ListAndCutAsync()
        {
            await foreach (var session in store.ListAsync(SessionQuery.ForHub(Hub), Cancellation))
            {
                if (listed.Count == 0)
                {
                    await CutAsync();
                }

                Assert.True(listed.Add(session.ConnectionId));
            }
        }
    }

    [Fact]
    public async Task Dispose_StoreAway_Completes()
    {
        var (store, _) = await NewLiveNodeAsync();
        await CutAsync();

        await store.DisposeAsync().WithinGuardAsync();
    }

    private static async Task AssertAllThrowAsync(ISessionStore store, Session session)
    {
        Func<Task>[] calls =
        [
            async () => await store.RenewLeaseAsync(NodeOf(session), LongLease, Cancellation),
            async () => await store.RemoveNodeAsync(session.NodeId, Cancellation),
            async () => await store.CommitAsync(session.NodeId, [new() { Kind = Saved, Session = session }], Cancellation),
            async () => await store.ResetAsync(session.NodeId, Cancellation),
            async () => await store.ClaimExpiredAsync(NewNode().NodeId, 10, Cancellation),
            async () => await store.FindAsync(Hub, session.ConnectionId, Cancellation),
            async () => await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation),
            async () => await store.AreOnlineAsync(Hub, ["alice"], Cancellation),
            async () => await store.ListPageAsync(SessionQuery.ForHub(Hub), 10, null, Cancellation),
            async () => await store.ListGroupsAsync(GroupQuery.Largest(Hub), 10, null, Cancellation),
            async () => await store.ListNodesAsync(Cancellation),
            async () => await ListAsync(store, SessionQuery.ForHub(Hub)),
        ];

        await Task.WhenAll(calls.Select(call => Assert.ThrowsAsync<SessionStoreUnavailableException>(() => call().WithinGuardAsync())));
    }

    /// <summary>Lives a node's whole life, from nothing to nothing.</summary>
    private static async Task AssertAllWorkAsync(ISessionStore store, Session session)
    {
        await PatientlyAsync(() => store.RenewLeaseAsync(NodeOf(session), LongLease, Cancellation));
        await PatientlyAsync(async () => await store.ResetAsync(session.NodeId, Cancellation));
        await PatientlyAsync(async () => await store.CommitAsync(session.NodeId, [new() { Kind = Saved, Session = session }], Cancellation));
        await AssertHasAsync(store, [session]);
        Assert.Equal(session.NodeId, Assert.Single(await store.ListNodesAsync(Cancellation)).NodeId);
        Assert.Empty(await store.ClaimExpiredAsync(NewNode().NodeId, 10, Cancellation));
        Assert.True(await store.RenewLeaseAsync(NodeOf(session), LongLease, Cancellation));
        await store.RemoveNodeAsync(session.NodeId, Cancellation);
        await AssertUnseenAsync(store, session);
    }

    private static async Task AssertHasAsync(ISessionStore store, Session[] sessions)
    {
        foreach (var session in sessions)
        {
            AssertSame(session, await PatientlyAsync(() => store.FindAsync(Hub, session.ConnectionId, Cancellation)));
        }

        Assert.Equal(sessions.Length, (await ListAsync(store, SessionQuery.ForHub(Hub))).Count);
        Assert.Equal(sessions.Count(static session => session.Groups is ["red"]), await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal([$"red: {sessions.Count(static session => session.Groups is ["red"])}"], await ListGroupsAsync(store));
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    private static NodeInfo NodeOf(Session session) => NewNode() with { NodeId = session.NodeId };

    private static async Task EndsInOrderlyWayAsync(Task call)
    {
        try
        {
            await call;
        }
        catch (SessionStoreUnavailableException)
        {
            // It says so; that is all that is asked.
        }
    }

    private static Task PatientlyAsync(Func<Task> call, Action? onFailure = null) => PatientlyAsync(
        async () =>
        {
            await call();
            return true;
        },
        onFailure);

    /// <summary>Calls until the store is back.</summary>
    private static async Task<T> PatientlyAsync<T>(Func<ValueTask<T>> call, Action? onFailure = null)
    {
        (T Value, bool IsThere) answer = default;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    answer = (await call().WithinGuardAsync(), true);
                }
                catch (SessionStoreUnavailableException)
                {
                    onFailure?.Invoke();
                }

                return answer.IsThere;
            },
            "the store answers");
        return answer.Value;
    }
}
