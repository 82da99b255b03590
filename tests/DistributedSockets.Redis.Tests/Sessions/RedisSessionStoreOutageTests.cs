using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Sessions;

public abstract class RedisSessionStoreOutageTests(ServerKind kind)
{
    private const string Hub = "chat";

    private static readonly TimeSpan Lease = TimeSpan.FromMinutes(10);

    private static readonly NodeInfo Node = new() { NodeId = "n1", Name = "web", StartedAt = DateTimeOffset.UnixEpoch };

    private static readonly Session Session = new()
    {
        Hub = Hub, NodeId = Node.NodeId, ConnectionId = "n1.c1", UserId = "alice", Groups = ["red"], ConnectedAt = DateTimeOffset.UnixEpoch,
    };

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task FlushAll_NodeRenewsItsLease_HearsThatAllIsGoneAndWritesItAgain()
    {
        await using var server = await kind.StartAsync();
        await using var store = NewStore(server);
        await SaveAsync(store);

        await server.CommandAsync("FLUSHALL");

        Assert.Empty(await store.ListNodesAsync(Cancellation));
        Assert.Null(await store.FindAsync(Hub, Session.ConnectionId, Cancellation));
        Assert.False(await store.RenewLeaseAsync(Node, Lease, Cancellation));
        await store.ResetAsync(Node.NodeId, Cancellation);
        await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session }], Cancellation);
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(Node, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    [Fact]
    public async Task ScriptFlush_BetweenScripts_HarmsNothing()
    {
        await using var server = await kind.StartAsync();
        await using var store = NewStore(server);
        await SaveAsync(store);
        var lost = Node with { NodeId = "lost" };
        for (var round = 0; round < 3; round++)
        {
            await server.CommandAsync("SCRIPT", "FLUSH");
            var session = Session with { NodeId = lost.NodeId, ConnectionId = $"lost.{round}" };
            await store.CommitAsync(lost.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = session }], Cancellation);
            await server.CommandAsync("SCRIPT", "FLUSH");

            Assert.Equal(session.ConnectionId, Assert.Single(await store.ClaimExpiredAsync(Node.NodeId, 10, Cancellation)).ConnectionId);
        }

        Assert.Equal(1, await store.CountAsync(SessionQuery.ForUser(Hub, "alice"), Cancellation));
    }

    [Fact]
    public async Task ScriptFlush_WhileChangesAreWritten_KeepsTheirOrder()
    {
        await using var server = await kind.StartAsync();
        await using var store = NewStore(server);
        await SaveAsync(store);
        var changes = new List<SessionChange>();
        for (var i = 0; i < 2_000; i++)
        {
            changes.Add(i % 2 == 0
                ? new() { Kind = SessionChangeKind.GroupRemoved, Session = Session with { Groups = [] }, Group = "red" }
                : new() { Kind = SessionChangeKind.GroupAdded, Session = Session, Group = "red" });
        }

        var committing = store.CommitAsync(Node.NodeId, changes, Cancellation).AsTask();
        while (!committing.IsCompleted)
        {
            await server.CommandAsync("SCRIPT", "FLUSH");
        }

        await committing;
        Assert.Equal(["red"], (await store.FindAsync(Hub, Session.ConnectionId, Cancellation))?.Groups);
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
    }

    [Fact]
    public async Task AnyCall_ServerPaused_ThrowsAndWorksAgainAfterwards()
    {
        await using var server = await kind.StartAsync();
        await using var store = NewStore(server, TimeSpan.FromSeconds(1));
        await SavePatientlyAsync(store);
        await server.PauseAsync();

        await AssertAllThrowAsync(store);

        await server.ResumeAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await store.IsOnlineAsync(Hub, "alice", Cancellation);
                }
                catch (SessionStoreUnavailableException)
                {
                    return false;
                }
            },
            "the store answers again");
    }

    [Fact]
    public async Task Dispose_ServerPaused_Completes()
    {
        await using var server = await kind.StartAsync();
        var store = NewStore(server, TimeSpan.FromSeconds(1));
        await SavePatientlyAsync(store);
        await server.PauseAsync();

        await store.DisposeAsync().WithinGuardAsync();
    }

    private static async Task SaveAsync(RedisSessionStore store)
    {
        await store.RenewLeaseAsync(Node, Lease, Cancellation);
        await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session }], Cancellation);
    }

    /// <remarks>A short timeout is meant for the server that is paused; one that has just started may need longer.</remarks>
    private static Task SavePatientlyAsync(RedisSessionStore store) => Eventually.TrueAsync(
        async () =>
        {
            try
            {
                await SaveAsync(store);
                return true;
            }
            catch (SessionStoreUnavailableException)
            {
                return false;
            }
        },
        "the session is saved");

    private static async Task AssertAllThrowAsync(RedisSessionStore store)
    {
        Func<Task>[] calls =
        [
            async () => await store.RenewLeaseAsync(Node, Lease, Cancellation),
            async () => await store.RemoveNodeAsync(Node.NodeId, Cancellation),
            async () => await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session }], Cancellation),
            async () => await store.ResetAsync(Node.NodeId, Cancellation),
            async () => await store.ClaimExpiredAsync("n2", 10, Cancellation),
            async () => await store.FindAsync(Hub, Session.ConnectionId, Cancellation),
            async () => await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation),
            async () => await store.AreOnlineAsync(Hub, ["alice"], Cancellation),
            async () => await store.ListNodesAsync(Cancellation),
            async () =>
            {
                await foreach (var session in store.ListAsync(SessionQuery.ForHub(Hub), Cancellation))
                {
                    Assert.Fail($"Nobody could know of {session.ConnectionId}.");
                }
            },
        ];

        await Task.WhenAll(calls.Select(call => Assert.ThrowsAsync<SessionStoreUnavailableException>(() => call().WithinGuardAsync())));
    }

    private RedisSessionStore NewStore(RespServer server, TimeSpan? timeout = null) => RedisFactory.SessionStore(
        kind.ConnectionString(server), "outage", options => options.OperationTimeout = timeout ?? options.OperationTimeout);
}

public sealed class RedisResp3SessionStoreOutageTests() : RedisSessionStoreOutageTests(ServerKind.RedisResp3);

public sealed class RedisResp2SessionStoreOutageTests() : RedisSessionStoreOutageTests(ServerKind.RedisResp2);

public sealed class GarnetResp3SessionStoreOutageTests() : RedisSessionStoreOutageTests(ServerKind.GarnetResp3);

public sealed class GarnetResp2SessionStoreOutageTests() : RedisSessionStoreOutageTests(ServerKind.GarnetResp2);
