using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Testing.Tests;

/// <summary>Sessions that go from one node to another: handed over, taken by force, or left by a node that is gone.</summary>
public sealed class FakeClusterTakeoverTests
{
    private static readonly TimeSpan s_lease = new DistributedWebSocketsOptions().LeaseExpiry;
    private static readonly TimeSpan s_window = TimeSpan.FromSeconds(20);

    private readonly TaskCompletionSource _handlerMayReturn = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task NodeKilled_ItsSessionIsAdopted_StaysInItsGroupsAndIsResumedWithAllThatItMissed()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0, userId: "ann");
        await cluster[0].Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 1, Cancellation);
        await cluster.CrashAsync(0);
        await cluster[1].Router.SendToGroupAsync("red", "one", Cancellation);

        await cluster.AdvanceAsync(s_lease + TimeSpan.FromSeconds(10), Cancellation);

        var adopted = Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForGroup("default", "red"), 1, Cancellation));
        Assert.Equal((client.Id, "ann", cluster[1].NodeId), (adopted.ConnectionId, adopted.UserId, adopted.NodeId));
        await cluster.AdvanceAsync(s_window - TimeSpan.FromSeconds(12), Cancellation); // the window has begun with the claim
        await cluster[1].Router.SendToGroupAsync("red", "two", Cancellation);
        var again = await ResumableClient.ConnectAsync(cluster, 1, client, "ann");
        Assert.Equal(client.Id, again.Id);
        Assert.Equal(["m 1\none", "m 2\ntwo"], await again.ReadAsync(2));
        Assert.DoesNotContain(cluster.SessionsEnded, ended => ended.Session.ConnectionId == client.Id);
    }

    [Fact]
    public async Task NodeKilled_ClientDoesNotComeBack_SessionEndsOnceWhenTheWindowOfTheClaimIsOver()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await cluster.CrashAsync(0);

        await cluster.AdvanceAsync(s_lease + s_window + TimeSpan.FromSeconds(30), Cancellation);

        var ended = await cluster.WaitForSessionsEndedAsync(1, Cancellation);
        Assert.Equal(client.Id, Assert.Single(ended).Session.ConnectionId);
        Assert.NotEqual(client.Id, (await ResumableClient.ConnectAsync(cluster, 1, client)).Id);
    }

    [Fact]
    public async Task NodeKilled_ClientIsBackBeforeTheClaim_SessionStaysWhereItIs()
    {
        await using var cluster = await StartAsync(nodes: 3);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await cluster.CrashAsync(0);
        var again = await ResumableClient.ConnectAsync(cluster, 2, client);
        Assert.Equal(client.Id, again.Id);

        await cluster.AdvanceAsync(s_lease + s_window + TimeSpan.FromSeconds(30), Cancellation);

        await cluster[1].Router.SendToConnectionAsync(client.Id, "still here", Cancellation);
        Assert.Equal(["m 1\nstill here"], await again.ReadAsync(1));
        Assert.Equal(cluster[2].NodeId, Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForHub("default"), 1, Cancellation)).NodeId);
        Assert.Empty(cluster.SessionsEnded);
    }

    [Fact]
    public async Task NodeStopped_ClientsAway_AnotherNodeGoesOnWithTheirSessions()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        client.Socket.Abort();
        await client.Socket.WaitForServerAsync(Cancellation);
        await cluster[1].Router.SendToConnectionAsync(client.Id, "one", Cancellation);

        await AdvanceUntilAsync(cluster, Stop(cluster[0]));
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(10), Cancellation);

        Assert.Equal(cluster[1].NodeId, Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForHub("default"), 1, Cancellation)).NodeId);
        Assert.Equal([cluster[1].NodeId], await cluster.WaitForMembersAsync(1, Cancellation));
        var again = await ResumableClient.ConnectAsync(cluster, 1, client);
        Assert.Equal(client.Id, again.Id);
        Assert.Equal(["m 1\none"], await again.ReadAsync(1));
        Assert.Empty(cluster.SessionsEnded);
    }

    [Fact]
    public async Task NodeStopped_ClientComesToAnotherNode_GoesOnWithItsSession()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await cluster[1].Router.SendToConnectionAsync(client.Id, "one", Cancellation);
        Assert.Equal(["m 1\none"], await client.ReadAsync(1));
        await client.Socket.SendAsync("a 1\n", Cancellation);
        await AdvanceUntilAsync(cluster, Stop(cluster[0]));
        await cluster[1].Router.SendToConnectionAsync(client.Id, "two", Cancellation);

        var again = await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, 1, client));

        Assert.Equal(client.Id, again.Id);
        Assert.Equal(["m 2\ntwo"], await again.ReadAsync(1));
    }

    [Fact]
    public async Task Resumed_AtAnotherNodeWhileAHandlerRuns_WaitsForItAndTheMessageIsHandledOnce()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\nwait", Cancellation);
        Assert.Equal(["u\nbegun"], await client.ReadAsync(1));

        var resuming = ResumableClient.ConnectAsync(cluster, 1, client);
        _handlerMayReturn.SetResult();
        var again = await resuming;

        Assert.Equal(client.Id, again.Id);
        await again.Socket.SendAsync("m 1\nwait", Cancellation);
        Assert.Equal(["d 1\n"], await again.ReadAsync(1));
        await client.Socket.WaitForCloseAsync(Cancellation);
    }

    [Fact]
    public async Task Resumed_AtAnotherNodeWhileAHandlerDoesNotReturn_WaitsNoLongerThanItsBound()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\nwait", Cancellation);
        Assert.Equal(["u\nbegun"], await client.ReadAsync(1));

        var again = await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, 1, client));

        Assert.Equal(client.Id, again.Id);
        await again.Socket.SendAsync("m 1\nhello", Cancellation);
        Assert.Equal(["u\nhello", "a 1\n"], await again.ReadAsync(2)); // nobody knows whether it was handled
        await client.Socket.WaitForCloseAsync(Cancellation);
        _handlerMayReturn.SetResult();
    }

    [Fact]
    public async Task Resumed_OwnerDoesNotAnswer_OneRequestIsWaitedForAndTheOthersTakeByForce()
    {
        await using var cluster = await StartAsync();
        var clients = new List<ResumableClient>();
        for (var i = 0; i < 4; i++)
        {
            clients.Add(await ResumableClient.ConnectAsync(cluster, 0));
        }

        cluster[0].Backplane.Cut();
        Assert.Equal(clients[0].Id, (await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, 1, clients[0]))).Id);
        foreach (var client in clients[1..])
        {
            Assert.Equal(client.Id, (await ResumableClient.ConnectAsync(cluster, 1, client)).Id); // the clock stands still
        }

        foreach (var client in clients)
        {
            await client.Socket.SendAsync("m 1\nhello", Cancellation); // so that there is something to write, which is refused
            Assert.Equal(["u\nhello", "a 1\n"], await client.ReadAsync(2));
        }

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(15), Cancellation);
        foreach (var client in clients)
        {
            await client.Socket.WaitForCloseAsync(Cancellation);
        }
    }

    [Fact]
    public async Task Resumed_ByTwoSocketsAtTheSameMoment_OneHasItAndTheOtherIsCut()
    {
        await using var cluster = await StartAsync(nodes: 3);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        for (var round = 0; round < 10; round++)
        {
            var both = await Task.WhenAll(TryConnectAsync(cluster, 1, client), TryConnectAsync(cluster, 2, client), TryConnectAsync(cluster, 2, client));
            var sent = $"{round}";
            await cluster[0].Router.SendToConnectionAsync(client.Id, sent, Cancellation);

            var open = new List<ResumableClient>();
            await Eventually.TrueAsync(
                () =>
                {
                    open = [.. both.OfType<ResumableClient>().Where(static other => other.Socket.IsOpen)];
                    return Task.FromResult(open.Count == 1);
                },
                "one of them has the session");
            Assert.Equal(client.Id, open[0].Id);
            Assert.Equal([$"m {round + 1}\n{sent}"], await open[0].ReadAsync(1));
            client = open[0];
        }
    }

    [Fact]
    public async Task Window_IsOverAtANodeThatDoesNotKnowThatItsSessionWasTaken_EndsNothing()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0, userId: "ann");
        client.Socket.Abort();
        await client.Socket.WaitForServerAsync(Cancellation);
        cluster[0].Backplane.Cut();
        var again = await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, 1, client, "ann"));

        await cluster.AdvanceAsync(s_window + TimeSpan.FromSeconds(5), Cancellation);

        await cluster[1].Router.SendToConnectionAsync(client.Id, "still here", Cancellation);
        Assert.Equal(["m 1\nstill here"], await again.ReadAsync(1));
        Assert.Equal(cluster[1].NodeId, Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForHub("default"), 1, Cancellation)).NodeId);
        Assert.Empty(cluster.SessionsEnded);
    }

    [Fact]
    public async Task Draining_ClientIsAskedToComeBack_KeepsItsSocketUntilTheOtherNodeHasTheSession()
    {
        await using var cluster = await StartAsync();
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        var deaf = await ResumableClient.ConnectAsync(cluster, 0);
        await client.Socket.SendAsync("m 1\nhello", Cancellation);
        Assert.Equal(["u\nhello", "a 1\n"], await client.ReadAsync(2));

        var stopping = Stop(cluster[0]);
        Assert.Equal(["r\n"], await client.ReadAsync(1));
        Assert.True(client.Socket.IsOpen);
        await cluster[1].Router.SendToConnectionAsync(client.Id, "one", Cancellation);
        Assert.Equal(["m 1\none"], await client.ReadAsync(1)); // still served
        var again = await ResumableClient.ConnectAsync(cluster, 1, client);

        Assert.Null((await client.Socket.WaitForCloseAsync(Cancellation)).Status); // cut, since the other one has taken over
        Assert.Equal(client.Id, again.Id);
        await again.Socket.SendAsync("m 1\nhello", Cancellation);
        Assert.Equal(["d 1\n"], await again.ReadAsync(1));
        Assert.Equal(["r\n"], await deaf.ReadAsync(1));
        await AdvanceUntilAsync(cluster, stopping);
        Assert.Equal(1001, (int?)(await deaf.Socket.WaitForCloseAsync(Cancellation)).Status);
        Assert.Equal(deaf.Id, (await AdvanceUntilAsync(cluster, ResumableClient.ConnectAsync(cluster, 1, deaf))).Id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NodeFrozenLongerThanItsLease_SessionIsAdopted_CutsTheSocket(bool isFenced)
    {
        await using var cluster = await StartAsync(isFenced: isFenced);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        cluster[0].SetStopped(); // so that its heartbeat is not waited for
        cluster[0].Clock.Stop(true);
        await cluster.AdvanceAsync(s_lease + TimeSpan.FromSeconds(10), Cancellation);
        Assert.Equal(cluster[1].NodeId, Assert.Single(await cluster.WaitForSessionsAsync(SessionQuery.ForHub("default"), 1, Cancellation)).NodeId);

        if (isFenced)
        {
            cluster[0].Clock.Stop(false); // it compares its sessions with their records when it finds its lease gone
            await cluster.AdvanceAsync(TimeSpan.FromSeconds(6), Cancellation);
        }
        else
        {
            await client.Socket.SendAsync("u\nhello", Cancellation); // it has not even asked for its lease yet
        }

        await client.Socket.WaitForCloseAsync(Cancellation);
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => client.ReadAsync(1));
        cluster[0].Clock.Stop(false);
        Assert.Equal(client.Id, (await ResumableClient.ConnectAsync(cluster, 1, client)).Id);
        Assert.Empty(cluster.SessionsEnded);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Resumed_ByAUserWhoMayHaveOneConnection_IsNoSecondOne(int node)
    {
        await using var cluster = await StartAsync(options: static options => options.MaxConnectionsPerUser = 1);
        var client = await ResumableClient.ConnectAsync(cluster, 0, userId: "ann");

        var again = await ResumableClient.ConnectAsync(cluster, node, client, "ann");

        Assert.Equal(client.Id, again.Id);
        Assert.Equal(429, (await Assert.ThrowsAsync<HandshakeRefusedException>(() => ResumableClient.ConnectAsync(cluster, 1, userId: "ann"))).StatusCode);
    }

    [Fact]
    public async Task Resumed_FasterThanMayBe_IsToldToWait()
    {
        await using var cluster = await StartAsync(options: static options => options.MaxResumesPerSecond = 1);
        var client = await ResumableClient.ConnectAsync(cluster, 0);
        var other = await ResumableClient.ConnectAsync(cluster, 0);
        await ResumableClient.ConnectAsync(cluster, 1, client);

        var refused = await Assert.ThrowsAsync<HandshakeRefusedException>(() => ResumableClient.ConnectAsync(cluster, 1, other));
        Assert.Equal(503, refused.StatusCode);
        await ResumableClient.ConnectAsync(cluster, 1); // one that begins a session need not wait

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(2), Cancellation);
        Assert.Equal(other.Id, (await ResumableClient.ConnectAsync(cluster, 1, other)).Id);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Away_MoreSessionsThanMayBe_EndsTheOneThatHasBeenAwayForLongest(bool ofOneUser)
    {
        await using var cluster = await StartAsync(options: options => _ = ofOneUser ? options.MaxAwaySessionsPerUser = 2 : options.MaxAwaySessions = 2);
        var clients = new List<ResumableClient>();
        for (var i = 0; i < 3; i++)
        {
            var client = await ResumableClient.ConnectAsync(cluster, 0, userId: ofOneUser ? "ann" : $"user {i}");
            client.Socket.Abort();
            await client.Socket.WaitForServerAsync(Cancellation);
            clients.Add(client);
        }

        Assert.Equal(clients[0].Id, Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation)).Session.ConnectionId);
        for (var i = 0; i < 3; i++)
        {
            var again = await ResumableClient.ConnectAsync(cluster, 1, clients[i], ofOneUser ? "ann" : $"user {i}");
            Assert.Equal(i > 0, again.Id == clients[i].Id);
        }
    }

    private static async Task<ResumableClient> AdvanceUntilAsync(FakeCluster cluster, Task<ResumableClient> done)
    {
        await AdvanceUntilAsync(cluster, (Task)done);
        return await done;
    }

    private static async Task AdvanceUntilAsync(FakeCluster cluster, Task done)
    {
        while (!done.IsCompleted)
        {
            await cluster.AdvanceAsync(TimeSpan.FromMilliseconds(500), Cancellation);
        }

        await done;
    }

    /// <summary>Begins to stop a node, which ends when the clock has moved far enough: by the test alone, so that it sees what happens at which time.</summary>
    private static Task Stop(FakeNode node)
    {
        node.SetStopped();
        return Task.Run(() => ((IHost)node.App).StopAsync(Cancellation));
    }

    private static async Task<ResumableClient?> TryConnectAsync(FakeCluster cluster, int node, ResumableClient resume)
    {
        try
        {
            return await ResumableClient.ConnectAsync(cluster, node, resume);
        }
        catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
        {
            return null; // the other one was faster
        }
    }

    private Task<FakeCluster> StartAsync(int nodes = 2, Action<DistributedWebSocketsOptions>? options = null, bool isFenced = true) => FakeCluster.StartAsync(
        nodes,
        cluster => cluster
            .ConfigureServices(services => services.Configure<DistributedWebSocketsOptions>(all =>
            {
                all.DrainTimeout = TimeSpan.FromSeconds(1); // so that the clock need not move far
                options?.Invoke(all);
            }))
            .ConfigureSockets(sockets =>
            {
                if (!isFenced)
                {
                    UnfencedLog.Use(sockets);
                }

                sockets.AddHub("default", static hub =>
                {
                    hub.LoggedGroups.Add("*");
                    hub.EnableResume = true;
                    hub.ResumeWindow = s_window;
                });
            })
            .ConfigureApp(app => app.MapDistributedWebSocket("/raw", async (connection, message, _, token) =>
            {
                if (message.GetText() == "wait")
                {
                    await connection.SendAsync("begun", token);
                    await _handlerMayReturn.Task;
                    return;
                }

                await connection.SendAsync(message, token);
            })),
        cancellationToken: Cancellation);
}
