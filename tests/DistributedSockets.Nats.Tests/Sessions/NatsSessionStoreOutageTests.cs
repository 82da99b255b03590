using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Sessions;

/// <summary>Servers that go away, come back, forget, or never had JetStream.</summary>
public sealed class NatsSessionStoreOutageTests
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
    public async Task ServerRestarted_WithoutItsData_NodeHearsThatAllIsGoneAndWritesItAgain()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server);
        await SaveAsync(store);
        await server.KillAsync();
        Directory.Delete(server.DataDirectory, recursive: true);
        await server.StartAsync();

        await AssertHealsAsync(store);
    }

    [Fact]
    public async Task ServerRestarted_SessionsInMemory_NodeHearsThatAllIsGoneAndWritesItAgain()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server);
        await SaveAsync(store);
        await server.RestartAsync();

        await AssertHealsAsync(store);
    }

    [Fact]
    public async Task ServerRestarted_SessionsInFiles_HasThemStill()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server, storage: NatsStorage.File);
        await SaveAsync(store);
        await server.RestartAsync();

        Assert.True(await AskPatientlyAsync(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation)));
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task ServerRestarted_WithOlderData_NodeIsTold(bool commitsBefore)
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server, storage: NatsStorage.File);
        await SaveAsync(store);
        await server.StopAsync();
        var backup = Directory.CreateTempSubdirectory("nats-backup-");
        try
        {
            Copy(server.DataDirectory, backup.FullName);
            await server.StartAsync();
            await AskPatientlyAsync(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation));
            var second = Session with { ConnectionId = "n1.c2", UserId = "bob" };
            await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = second }], Cancellation);
            await server.StopAsync();
            Directory.Delete(server.DataDirectory, recursive: true);
            Copy(backup.FullName, server.DataDirectory);
            await server.StartAsync();

            if (commitsBefore)
            {
                await AskPatientlyAsync(async () =>
                {
                    await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Ended, Session = Session }], Cancellation);
                    return true;
                });
            }

            Assert.False(await AskPatientlyAsync(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation)));
            await store.ResetAsync(Node.NodeId, Cancellation);
            await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = second }], Cancellation);
            Assert.True(await store.RenewLeaseAsync(Node, Lease, Cancellation));
            Assert.Equal([false, true], await store.AreOnlineAsync(Hub, ["alice", "bob"], Cancellation));
        }
        finally
        {
            backup.Delete(recursive: true);
        }
    }

    [Fact]
    public async Task AnyCall_ServerStopped_ThrowsAndWorksAgainAfterRestart()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server, TimeSpan.FromSeconds(1));
        await AskPatientlyAsync(() => SaveAsync(store));
        await server.StopAsync();

        await AssertAllThrowAsync(store);

        await server.StartAsync();
        await AssertHealsAsync(store);
    }

    [Fact]
    public async Task AnyCall_ServerPaused_ThrowsAndWorksAgainAfterwards()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server, TimeSpan.FromSeconds(1));
        await AskPatientlyAsync(() => SaveAsync(store));
        await server.PauseAsync();

        await AssertAllThrowAsync(store);

        await server.ResumeAsync();
        await AskPatientlyAsync(() => SaveAsync(store)); // what was asked of it while it was paused, it has done by then
        Assert.True(await AskPatientlyAsync(async () => await store.IsOnlineAsync(Hub, "alice", Cancellation)));
        Assert.NotNull(await AskPatientlyAsync(async () => await store.FindAsync(Hub, Session.ConnectionId, Cancellation)));
    }

    [Fact]
    public async Task AnyCall_ServerNeverThere_Throws()
    {
        await using var server = await StartAsync();
        await server.StopAsync();
        await using var store = NewStore(server, TimeSpan.FromSeconds(1));

        await AssertAllThrowAsync(store);
    }

    [Fact]
    public async Task AnyCall_ServerWithoutJetStream_SaysSoAndWorksOnceItHasIt()
    {
        await using var server = await StartAsync(jetStream: false);
        await using var store = NewStore(server);

        foreach (var refused in await AssertAllThrowAsync(store))
        {
            Assert.Contains("JetStream is off", refused.Message, StringComparison.Ordinal);
            Assert.Contains("-js", refused.Message, StringComparison.Ordinal);
            Assert.Contains("another session store", refused.Message, StringComparison.Ordinal);
        }

        await server.StopAsync();
        server.HasJetStream = true;
        await server.StartAsync();
        await AssertHealsAsync(store);
    }

    [Fact]
    public async Task Dispose_ServerPaused_Completes()
    {
        await using var server = await StartAsync();
        var store = NewStore(server, TimeSpan.FromSeconds(1));
        await AskPatientlyAsync(() => SaveAsync(store));
        await server.PauseAsync();

        await store.DisposeAsync().WithinGuardAsync();
    }

    [Fact]
    public async Task Dispose_CallStillWaits_EndsIt()
    {
        await using var server = await StartAsync();
        var store = NewStore(server, TimeSpan.FromMinutes(10));
        await SaveAsync(store);
        await server.PauseAsync();
        var asked = store.ListNodesAsync(Cancellation).AsTask();

        await store.DisposeAsync().WithinGuardAsync();

        await Assert.ThrowsAsync<SessionStoreUnavailableException>(() => asked.WithinGuardAsync());
    }

    [Fact]
    public async Task Cluster_LeaderOfTheSessionsKilled_LosesNothing()
    {
        await using var cluster = await NatsCluster.StartAsync(3, hasJetStream: true);
        await using var store = NatsFactory.SessionStore(cluster.Urls, "cluster", static options => options.Replicas = 3);
        await AskPatientlyAsync(() => SaveAsync(store)); // until the servers have agreed who leads
        Session[] sessions = [.. Enumerable.Range(0, 200).Select(static i => Session with { ConnectionId = $"n1.many{i}", UserId = $"user{i % 10}" })];
        await store.CommitAsync(Node.NodeId, [.. sessions.Select(static session => new SessionChange { Kind = SessionChangeKind.Saved, Session = session })], Cancellation);
        await using (var bucket = new Bucket(cluster.Urls, "cluster"))
        {
            var info = await bucket.AskStreamAsync("INFO", bucket.SessionsStream);
            Assert.Equal(3, (int)info["config"]!["num_replicas"]!);
            var leader = (string?)info["cluster"]!["leader"];
            await cluster.Servers.Single(server => server.ServerName == leader).KillAsync();
        }

        // The others need a while to agree on a new leader, in which a commit is refused, and a node writes the same again.
        var after = Session with { ConnectionId = "n1.after", UserId = "carol" };
        await AskPatientlyAsync(async () =>
        {
            await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = after }, new() { Kind = SessionChangeKind.Ended, Session = sessions[0] }], Cancellation);
            return true;
        });

        Assert.True(await AskPatientlyAsync(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation)));
        Assert.Equal(201, await AskPatientlyAsync(async () => await store.CountAsync(SessionQuery.ForHub(Hub), Cancellation)));
        Assert.Equal([true, true], await AskPatientlyAsync(async () => await store.AreOnlineAsync(Hub, ["carol", "user0"], Cancellation)));

        // A server that was not the leader may be a little behind.
        await Eventually.TrueAsync(
            async () => await AskPatientlyAsync(async () => await store.FindAsync(Hub, after.ConnectionId, Cancellation) is not null),
            "what was written after the loss is found");
    }

    [Fact]
    public async Task Cluster_TooFewServersForTheReplicas_SaysSo()
    {
        await using var server = await StartAsync();
        await using var store = NewStore(server, replicas: 3);

        var refused = await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation));

        Assert.Contains("replicas", refused.Message, StringComparison.Ordinal);
    }

    private static async Task<NatsServer> StartAsync(bool jetStream = true)
    {
        var server = new NatsServer { HasJetStream = jetStream };
        server.SkipUnlessAvailable();
        await server.StartAsync();
        return server;
    }

    private static NatsSessionStore NewStore(
        NatsServer server, TimeSpan? timeout = null, NatsStorage storage = NatsStorage.Memory, int replicas = 1) => NatsFactory.SessionStore(
        server.Url,
        "outage",
        options => (options.OperationTimeout, options.Storage, options.Replicas) = (timeout ?? options.OperationTimeout, storage, replicas));

    private static async Task<bool> SaveAsync(NatsSessionStore store)
    {
        await store.RenewLeaseAsync(Node, Lease, Cancellation);
        await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session }], Cancellation);
        return true;
    }

    /// <summary>Asks until there is an answer.</summary>
    private static async Task<T> AskPatientlyAsync<T>(Func<Task<T>> question)
    {
        T? answer = default;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    answer = await question();
                    return true;
                }
                catch (SessionStoreUnavailableException)
                {
                    return false;
                }
            },
            "the store answers");
        return answer!;
    }

    private static async Task AssertHealsAsync(NatsSessionStore store)
    {
        Assert.False(await AskPatientlyAsync(async () => await store.RenewLeaseAsync(Node, Lease, Cancellation)));
        Assert.Null(await store.FindAsync(Hub, Session.ConnectionId, Cancellation));
        await store.ResetAsync(Node.NodeId, Cancellation);
        await store.CommitAsync(Node.NodeId, [new() { Kind = SessionChangeKind.Saved, Session = Session }], Cancellation);
        Assert.True(await store.RenewLeaseAsync(Node, Lease, Cancellation));
        Assert.True(await store.IsOnlineAsync(Hub, "alice", Cancellation));
        Assert.Equal(1, await store.CountAsync(SessionQuery.ForGroup(Hub, "red"), Cancellation));
        Assert.Equal(Node, Assert.Single(await store.ListNodesAsync(Cancellation)));
    }

    private static Task<SessionStoreUnavailableException[]> AssertAllThrowAsync(NatsSessionStore store)
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

        return Task.WhenAll(calls.Select(call => Assert.ThrowsAsync<SessionStoreUnavailableException>(() => call().WithinGuardAsync())));
    }

    private static void Copy(string from, string to)
    {
        foreach (var file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories))
        {
            var copy = Path.Combine(to, Path.GetRelativePath(from, file));
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            File.Copy(file, copy);
        }
    }
}
