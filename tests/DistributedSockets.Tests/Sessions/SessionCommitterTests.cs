using System.Collections.Concurrent;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>What reaches the session store, in which order, also when it fails in between.</summary>
public sealed class SessionCommitterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Sessions_ConnectJoinLeaveEnd_AreWrittenInOrderAndTold()
    {
        var store = new RecordingStore();
        var observer = new Observer();
        await using var node = await StartAsync(store, observer);
        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "a", Cancellation);
        await node.Router.AddToGroupAsync(client.Id, "b", Cancellation);
        await node.Router.RemoveFromGroupAsync(client.Id, "a", Cancellation);
        client.Socket.Abort();
        await Eventually.TrueAsync(() => store.Committed.Any(change => change.Kind == SessionChangeKind.Ended), "the end is written");

        Assert.Equal(
            ["Saved ", "GroupAdded a", "GroupAdded b", "GroupRemoved a", "Ended "],
            store.Committed.Select(change => $"{change.Kind} {change.Group}"));
        Assert.Equal(["b"], store.Committed.Last().Session.Groups);
        Assert.All(store.Committed, change => Assert.Equal((client.Id, "u", "probe"), (change.Session.ConnectionId, change.Session.UserId, change.Session.Hub)));
        await Eventually.TrueAsync(() => observer.Seen.Count == 2, "start and end are told");
        Assert.Equal([$"started {client.Id}", $"ended {client.Id} Disconnected"], observer.Seen);
    }

    [Fact]
    public async Task Properties_SetBetweenJoins_AreWrittenInOrderAndAgainAfterALoss()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        await using var client = await node.ConnectAsync("u");
        var connection = node.Probe.Connections[client.Id];
        await node.Router.AddToGroupAsync(client.Id, "a", Cancellation);
        await connection.SetPropertiesAsync(new Dictionary<string, string> { ["status"] = "away" }, Cancellation);
        await node.Router.AddToGroupAsync(client.Id, "b", Cancellation);
        await Eventually.TrueAsync(() => store.Committed.Count == 4, "all is written");

        Assert.Equal(["Saved ", "GroupAdded a", "PropertiesSet ", "GroupAdded b"], store.Committed.Select(change => $"{change.Kind} {change.Group}"));
        Assert.Equal(["a"], store.Committed.ElementAt(2).Session.Groups);
        Assert.Equal("away", store.Committed.ElementAt(2).Session.Properties["status"]);

        store.LoseLease = true;
        await Eventually.TrueAsync(() => store.Committed.Count == 5, "the session is written again");
        Assert.Equal("away", store.Committed.Last().Session.Properties["status"]);
        Assert.Equal(["a", "b"], store.Committed.Last().Session.Groups.Order());
    }

    [Fact]
    public async Task Store_ThrowsWhatIsNoneOfItsContract_HealthTellsItsTypeAlone()
    {
        var store = new RecordingStore { Failure = new ArgumentException("Host=db-3;Password=hunter2") };
        await using var node = await StartAsync(store, new());
        var health = node.Services.GetRequiredService<HealthCheckService>();

        var entry = (await health.CheckHealthAsync(Cancellation)).Entries.Single().Value;

        Assert.Equal("The session store is away; who is online is not known. It threw System.ArgumentException, of which the log says more.", entry.Description);
        store.Failure = null;
    }

    [Fact]
    public async Task Store_Away_MessagesGoOnChangesAreKeptInOrderAndHealthIsDegraded()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        var health = node.Services.GetRequiredService<HealthCheckService>();
        store.Failure = new SessionStoreUnavailableException("cut");
        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await node.Router.SendToGroupAsync("g", "not held up", Cancellation);
        Assert.Equal("not held up", await client.ReceiveTextAsync());
        await Eventually.TrueAsync(async () => (await health.CheckHealthAsync(Cancellation)).Status == HealthStatus.Degraded, "health is degraded");
        var entry = (await health.CheckHealthAsync(Cancellation)).Entries.Single().Value;
        Assert.Equal("The session store is away; who is online is not known. cut", entry.Description);

        store.Failure = null;
        await Eventually.TrueAsync(() => store.Committed.Count >= 2, "the changes are written after all");

        Assert.Equal(["Saved ", "GroupAdded g"], store.Committed.Select(change => $"{change.Kind} {change.Group}").Distinct());
        await Eventually.TrueAsync(async () => (await health.CheckHealthAsync(Cancellation)).Status == HealthStatus.Healthy, "health is back");
    }

    [Fact]
    public async Task Lease_FoundGone_AllSessionsAreWrittenAnew()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        await using var one = await node.ConnectAsync("u");
        await using var two = await node.ConnectAsync();
        await node.Router.AddToGroupAsync(two.Id, "g", Cancellation);
        await Eventually.TrueAsync(() => store.Committed.Count == 3, "the sessions are written");

        store.LoseLease = true;
        await Eventually.TrueAsync(() => store.Committed.Count == 5, "the sessions are written again");

        Assert.Equal(1, store.Resets);
        var again = store.Committed.Skip(3).ToDictionary(change => change.Session.ConnectionId);
        Assert.All(again.Values, change => Assert.Equal(SessionChangeKind.Saved, change.Kind));
        Assert.Equal(["g"], again[two.Id].Session.Groups);
        Assert.Empty(again[one.Id].Session.Groups);
    }

    [Fact]
    public async Task Lease_FoundGoneWhileAChangeIsRefused_AllSessionsAreWrittenAnewInsteadOfIt()
    {
        var store = new RecordingStore { Refuses = static change => change.Kind == SessionChangeKind.GroupAdded };
        await using var node = await StartAsync(store, new());
        await using var client = await node.ConnectAsync("u");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(static record => record.Id.Id == 180), "the change is refused");

        store.LoseLease = true;

        await Eventually.TrueAsync(() => store.Committed.LastOrDefault()?.Session.Groups is ["g"], "the session is written with its group");
        Assert.True(store.Resets > 0);
    }

    [Fact]
    public async Task Lease_FoundGoneWhenAllConnectionsHaveEnded_WhatTheStoreMayRememberIsForgotten()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        await using (await node.ConnectAsync("u"))
        {
        }

        await Eventually.TrueAsync(() => store.Committed.Count == 2, "start and end are written");

        store.LoseLease = true;

        await Eventually.TrueAsync(() => store.Resets == 1, "the sessions of the node are forgotten");
    }

    [Fact]
    public async Task Lease_FoundGone_SessionsAreToldAgain()
    {
        var (store, observer) = (new RecordingStore(), new Observer());
        await using var node = await StartAsync(store, observer);
        await using var client = await node.ConnectAsync("u");
        await Eventually.TrueAsync(() => observer.Seen.Count == 1, "the start is told");

        store.LoseLease = true; // and another node may have told that this one is lost

        await Eventually.TrueAsync(() => observer.Seen.Count == 2, "the start is told again");
        Assert.All(observer.Seen, told => Assert.Equal($"started {client.Id}", told));
    }

    [Fact]
    public async Task Lease_FoundGoneAndASessionBeginsMeanwhile_IsToldOnce()
    {
        var (store, observer, gate) = (new RecordingStore(), new Observer(), new TaskCompletionSource());
        await using var node = await StartAsync(store, observer);
        await using var first = await node.ConnectAsync("u");
        await Eventually.TrueAsync(() => observer.Seen.Count == 1, "the start is told");
        store.ResetGate = gate.Task;
        store.LoseLease = true;
        await Eventually.TrueAsync(() => store.Resets == 1, "the sessions are being written anew");

        await using var second = await node.ConnectAsync("u");
        gate.SetResult();
        await Eventually.TrueAsync(() => store.Committed.Count(change => change.ConnectionId == second.Id) == 2, "it is written with all others and by itself");
        await using var third = await node.ConnectAsync("u");

        await Eventually.TrueAsync(() => observer.Seen.Contains($"started {third.Id}"), "what comes later is told");
        Assert.Equal(
            [$"started {first.Id}", $"started {first.Id}", $"started {second.Id}", $"started {third.Id}"],
            observer.Seen.OrderBy(told => told == $"started {first.Id}" ? 0 : told == $"started {second.Id}" ? 1 : 2));
    }

    [Fact]
    public async Task Store_AnswersInTheMomentInWhichItsTimeRunsOut_CountsAsWritten()
    {
        var (store, observer, time, gate) = (new RecordingStore(), new Observer(), new JumpingTimeProvider(), new TaskCompletionSource());
        await using var node = await AppNode.StartAsync(build: sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(time);
            sockets.Services.AddSingleton<IClusterObserver>(observer);
            sockets.UseSessionStore(_ => store);
        });
        store.CommitGate = gate.Task;
        await using var client = await node.ConnectAsync("u");
        await Eventually.TrueAsync(() => store.CommitsBegun > 0, "the session is being written");

        using (OnTimeout.Run(gate.SetResult))
        {
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromSeconds(15)); // more than once, as the wait may just be about to begin
                    return observer.Seen.Contains($"started {client.Id}");
                },
                "the start is told");
        }

        await using var next = await node.ConnectAsync("u");
        await Eventually.TrueAsync(() => observer.Seen.Contains($"started {next.Id}"), "the next start is told");
        Assert.DoesNotContain(node.Logs.GetSnapshot(), static record => record.Id.Id is 180 or 182);
    }

    [Fact]
    public async Task Store_AwayAtStart_SessionsAreWrittenAnewWithTheFirstLease()
    {
        var store = new RecordingStore { RenewFailure = new SessionStoreUnavailableException("cut") };
        await using var node = await StartAsync(store, new());
        await using var client = await node.ConnectAsync("u");
        await Eventually.TrueAsync(() => store.Committed.Count == 1, "the session is written without a lease");

        store.RenewFailure = null;

        await Eventually.TrueAsync(() => store is { Resets: 1, Committed.Count: 2 }, "the session is written again");
    }

    [Fact]
    public async Task Stop_StoreThatNeverAnswers_EndsAndSignsOffAllTheSame()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        await using var client = await node.ConnectAsync();
        await Eventually.TrueAsync(() => store.Committed.Count == 1, "the session is written");
        store.Hangs = true;
        var reading = client.ReceiveCloseAsync();

        await node.StopAsync().WithinGuardAsync();

        await reading;
        Assert.True(store.Removed);
        Assert.False(node.Services.GetRequiredService<LocalNode>().IsStarted);
    }

    [Fact]
    public async Task Stop_ObserverThatNeverEnds_IsLeft()
    {
        var observer = new Mock<IClusterObserver>();
        observer.Setup(o => o.OnSessionStartedAsync(It.IsAny<Session>(), It.IsAny<CancellationToken>())).Returns(new ValueTask(new TaskCompletionSource().Task));
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton(observer.Object));
        await using var client = await node.ConnectAsync();
        await Eventually.TrueAsync(() => observer.Invocations.Count == 1, "the observer hangs");
        var reading = client.ReceiveCloseAsync();

        await node.StopAsync().WithinGuardAsync();

        await reading;
        Assert.Contains(node.Logs.GetSnapshot(), record => record.Id.Id == 142);
    }

    [Fact]
    public async Task Stop_ObserverThatHeedsItsToken_IsToldToEnd()
    {
        var told = new TaskCompletionSource();
        var observer = new Mock<IClusterObserver>();
        observer.Setup(o => o.OnSessionStartedAsync(It.IsAny<Session>(), It.IsAny<CancellationToken>())).Returns<Session, CancellationToken>(async (_, token) =>
        {
            try
            {
                await Task.Delay(Timeout.Infinite, token);
            }
            finally
            {
                told.SetResult();
            }
        });
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton(observer.Object));
        await using var client = await node.ConnectAsync();
        await Eventually.TrueAsync(() => observer.Invocations.Count == 1, "the observer waits");
        var reading = client.ReceiveCloseAsync();

        await node.StopAsync().WithinGuardAsync();

        await reading;
        await told.Task.WithinGuardAsync();
        Assert.DoesNotContain(node.Logs.GetSnapshot(), record => record.Id.Id is 141 or 142);
    }

    [Fact]
    public async Task Claim_FailedOnce_IsTriedAgainByANodeWithoutObservers()
    {
        var store = new RecordingStore { ClaimFailures = 1 };
        await using var node = await AppNode.StartAsync(
            options: options =>
            {
                options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
                options.LeaseExpiry = TimeSpan.FromSeconds(1);
            },
            build: sockets => sockets.UseSessionStore(_ => store));

        await Eventually.TrueAsync(() => store.Claims >= 2, "the claim is tried again");
    }

    [Fact]
    public async Task Claim_ClockIsSetBack_IsMadeInTimeByANodeWithoutObservers()
    {
        var store = new RecordingStore();
        var time = new JumpingTimeProvider();
        await using var node = await AppNode.StartAsync(build: sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(time);
            sockets.UseSessionStore(_ => store);
        });
        await Eventually.TrueAsync(() => store.NodeQueries > 0, "the node has begun to wait with its claim");

        time.Jump(TimeSpan.FromDays(-1));

        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return store.Claims > 0;
            },
            "the claim is made");
    }

    [Fact]
    public async Task Claim_NodesComeAndGoAllTheTime_IsMadeByANodeWithoutObserversAllTheSame()
    {
        var store = new RecordingStore { NodesChange = true };
        var time = new JumpingTimeProvider();
        await using var node = await AppNode.StartAsync(build: sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(time);
            sockets.UseSessionStore(_ => store);
        });

        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(1));
                return store.Claims > 0;
            },
            "the claim is made");
    }

    [Fact]
    public async Task Dispose_WithoutStop_EndsTheLoopsAndSignsOff()
    {
        var store = new RecordingStore();
        var node = await StartAsync(store, new());

        await node.DisposeAsync();

        Assert.True(store.Removed);
        Assert.False(node.IsRunning);
    }

    [Fact]
    public async Task Changes_MoreThanMayWait_AreReplacedByWritingAllSessions()
    {
        var store = new RecordingStore { Failure = new SessionStoreUnavailableException("cut") };
        await using var node = await StartAsync(store, new(), options => options.PendingSessionChanges = 16);
        await using var client = await node.ConnectAsync("u");
        for (var i = 0; i < 40; i++)
        {
            await node.Router.AddToGroupAsync(client.Id, $"g{i}", Cancellation);
        }

        store.Failure = null;
        await Eventually.TrueAsync(() => store.Committed.LastOrDefault()?.Session.Groups.Count == 40, "the session is written with all of its groups");
        Assert.True(store.Resets > 0);
    }

    [Fact]
    public async Task Changes_MoreBytesThanMayWait_AreReplacedByWritingAllSessions()
    {
        var store = new RecordingStore { Failure = new SessionStoreUnavailableException("cut") };
        await using var node = await StartAsync(store, new(), options => options.PendingSessionBytes = 65_536);
        await using var client = await node.ConnectAsync("u");
        for (var i = 0; i < 200; i++)
        {
            await node.Router.AddToGroupAsync(client.Id, $"{i}-{new string('x', 240)}", Cancellation);
        }

        store.Failure = null;
        await Eventually.TrueAsync(() => store.Committed.LastOrDefault()?.Session.Groups.Count == 200, "the session is written with all of its groups");
        Assert.True(store.Resets > 0);
    }

    [Fact]
    public async Task Events_MoreThanMayWaitWhileTheStoreIsAway_AreCountedAndLogged()
    {
        var (store, observer) = (new RecordingStore { Failure = new SessionStoreUnavailableException("cut") }, new Observer());
        await using var node = await StartAsync(store, observer, options => options.PendingSessionChanges = 16);
        using var dropped = new MetricSum(node, "distributed_sockets.dropped_events");
        for (var i = 0; i < 30; i++)
        {
            await using var client = await node.ConnectAsync("u");
        }

        // While the store is still away, so that somebody can act.
        await Eventually.TrueAsync(() => dropped.Value > 0 && node.Logs.GetSnapshot().Any(record => record.Id.Id == 183), "the loss is told");
        Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == 183);
        Assert.Empty(observer.Seen);

        store.Failure = null;
        await Eventually.TrueAsync(() => observer.Seen.Count + dropped.Value == 60, "the rest is told");
    }

    [Fact]
    public async Task Sessions_MoreThanOneCommitTakes_AreAllWrittenAnew()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        var services = node.Services.GetRequiredService<ConnectionServices>();
        var connections = Enumerable.Range(0, 2_500).Select(_ => new Connection(
            new Microsoft.AspNetCore.Http.DefaultHttpContext(),
            System.Net.WebSockets.WebSocket.CreateFromStream(Stream.Null, new()),
            null,
            node.Router.Hub,
            null,
            services)).ToArray();
        Array.ForEach(connections, node.Hub.Add);
        await Eventually.TrueAsync(() => store.Committed.Count == connections.Length, "the sessions are written");
        node.Hub.AddToGroup(connections[0], "g", int.MaxValue);
        await Eventually.TrueAsync(() => store.Committed.Count == connections.Length + 1, "the join is written");
        var before = store.Commits;

        store.LoseLease = true;
        await Eventually.TrueAsync(() => store.Committed.Count == (2 * connections.Length) + 1, "the sessions are written again");

        Assert.Equal(3, store.Commits - before); // a thousand at most in each
        Assert.Equal(
            connections.Select(static connection => connection.Id).Order(),
            store.Committed.Skip(connections.Length + 1).Select(static change => change.ConnectionId).Order());
        Assert.Equal(["g"], store.Committed.Last(change => change.ConnectionId == connections[0].Id).Session.Groups);
        Array.ForEach(connections, connection => node.Hub.Remove(connection));
    }

    [Fact]
    public async Task Stop_WritesEndsAndSignsOff()
    {
        var store = new RecordingStore();
        await using var node = await StartAsync(store, new());
        await using var client = await node.ConnectAsync();
        var reading = client.ReceiveCloseAsync();

        await node.StopAsync();

        await reading;
        Assert.Equal(SessionChangeKind.Ended, store.Committed.Last().Kind);
        Assert.True(store.Removed);
    }

    [Fact]
    public async Task Node_Lost_OneSurvivorTellsEachSessionOnce()
    {
        var cluster = new InMemoryCluster();
        Observer[] observers = [new(), new()];
        await using var one = await AppNode.StartAsync(cluster, Fast, sockets => sockets.Services.AddSingleton<IClusterObserver>(observers[0]));
        await using var two = await AppNode.StartAsync(cluster, Fast, sockets => sockets.Services.AddSingleton<IClusterObserver>(observers[1]));
        var dead = new NodeInfo { NodeId = "dead", Name = "dead", StartedAt = DateTimeOffset.UtcNow };
        await one.Store.RenewLeaseAsync(dead, TimeSpan.FromMilliseconds(500), Cancellation);
        var sessions = Enumerable.Range(0, 50).Select(i => new Session { Hub = "probe", ConnectionId = $"dead.{i}", NodeId = "dead", UserId = $"u{i}", ConnectedAt = dead.StartedAt }).ToArray();
        await one.Store.CommitAsync("dead", [.. sessions.Select(session => new SessionChange { Kind = SessionChangeKind.Saved, Session = session })], Cancellation);

        await Eventually.TrueAsync(() => observers.Sum(observer => observer.Seen.Count) >= 50, "the sessions are claimed");

        Assert.Equal(
            sessions.Select(session => $"ended {session.ConnectionId} NodeLost").Order(),
            observers.SelectMany(observer => observer.Seen).Order());
        Assert.Empty(await one.Store.ClaimExpiredAsync("anyone", 10, Cancellation));

        static void Fast(DistributedWebSocketsOptions options)
        {
            options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
            options.LeaseExpiry = TimeSpan.FromMinutes(1);
        }
    }

    [Fact]
    public async Task Node_LostWhileSomeNodesHaveNoObserver_OneThatHasIsTheOneToClaim()
    {
        var cluster = new InMemoryCluster();
        var observer = new Observer();
        await using var silent = await AppNode.StartAsync(cluster, Fast);
        var dead = new NodeInfo { NodeId = "dead", Name = "dead", StartedAt = DateTimeOffset.UtcNow };
        await silent.Store.RenewLeaseAsync(dead, TimeSpan.FromMilliseconds(1), Cancellation);
        await silent.Store.CommitAsync("dead", [new() { Kind = SessionChangeKind.Saved, Session = new() { Hub = "probe", ConnectionId = "dead.1", NodeId = "dead", ConnectedAt = dead.StartedAt } }], Cancellation);
        var beats = 0;
        await Eventually.TrueAsync(
            async () => (await silent.Store.ListNodesAsync(Cancellation)).Count == 1 && ++beats > 50, "the lease has run out and the silent node has seen it");

        await using var told = await AppNode.StartAsync(cluster, Fast, sockets => sockets.Services.AddSingleton<IClusterObserver>(observer));

        await Eventually.TrueAsync(() => observer.Seen.Contains("ended dead.1 NodeLost"), "the node with an observer claims and tells");

        static void Fast(DistributedWebSocketsOptions options)
        {
            options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
            options.LeaseExpiry = TimeSpan.FromMinutes(1);
        }
    }

    [Fact]
    public async Task Node_LostAndNobodyHasAnObserver_IsCleanedUpAllTheSame()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster, options =>
        {
            options.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
            options.LeaseExpiry = TimeSpan.FromSeconds(1);
        });
        var dead = new NodeInfo { NodeId = "dead", Name = "dead", StartedAt = DateTimeOffset.UtcNow };
        await node.Store.RenewLeaseAsync(dead, TimeSpan.FromMilliseconds(1), Cancellation);
        await node.Store.CommitAsync("dead", [new() { Kind = SessionChangeKind.Saved, Session = new() { Hub = "probe", ConnectionId = "dead.1", NodeId = "dead", ConnectedAt = dead.StartedAt } }], Cancellation);

        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(record => record.Id.Id == 193), "the session is claimed");
    }

    [Fact]
    public async Task Observer_SendsWhileTheNodeStops_IsHeard()
    {
        var cluster = new InMemoryCluster();
        await using var other = await AppNode.StartAsync(cluster);
        await using var listener = await other.ConnectAsync();
        await using var node = await AppNode.StartAsync(cluster, build: sockets => sockets.AddClusterObserver<Announcer>());
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => node.ConnectAsync()));
        var reading = Task.WhenAll(clients.Select(client => client.ReceiveCloseAsync()));

        await node.StopAsync();

        await reading;
        var gone = new HashSet<string>();
        while (gone.Count < clients.Length)
        {
            gone.Add(await listener.ReceiveTextAsync());
        }

        Assert.Equal(clients.Select(client => client.Id).ToHashSet(), gone);
        Assert.DoesNotContain(node.Logs.GetSnapshot(), record => record.Id.Id == 140);
    }

    /// <summary>Asks for a router, as observers that tell clients do.</summary>
    private sealed class Announcer(IWebSocketRouter<ProbeHandler> router) : IClusterObserver
    {
        public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) =>
            router.SendToAllAsync(ended.Session.ConnectionId, cancellationToken);
    }

    [Fact]
    public async Task Observer_Throws_IsLoggedAndOthersAreTold()
    {
        var bad = new Mock<IClusterObserver>();
        bad.Setup(observer => observer.OnSessionStartedAsync(It.IsAny<Session>(), It.IsAny<CancellationToken>())).Throws(new InvalidOperationException("bad observer"));
        var good = new Observer();
        await using var node = await AppNode.StartAsync(build: sockets => sockets.Services.AddSingleton(bad.Object).AddSingleton<IClusterObserver>(good));
        using var dropped = new MetricSum(node, "distributed_sockets.dropped_events");
        await using var client = await node.ConnectAsync();

        await Eventually.TrueAsync(() => good.Seen.Contains($"started {client.Id}"), "the other observer is told");
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(static record => record.Exception?.Message == "bad observer"), "it is logged");

        Assert.Equal(1, dropped.Value);
    }

    private static Task<AppNode> StartAsync(RecordingStore store, Observer observer, Action<DistributedWebSocketsOptions>? options = null) => AppNode.StartAsync(
        options: all =>
        {
            all.HeartbeatInterval = TimeSpan.FromMilliseconds(100);
            options?.Invoke(all);
        },
        build: sockets =>
        {
            sockets.UseSessionStore(_ => store);
            sockets.Services.AddSingleton<IClusterObserver>(observer);
            sockets.Services.AddHealthChecks().AddDistributedWebSockets();
        });

    private sealed class Observer : IClusterObserver
    {
        internal ConcurrentQueue<string> Seen { get; } = new();

        public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => Add($"started {session.ConnectionId}");

        public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => Add($"ended {ended.Session.ConnectionId} {ended.Cause}");

        private ValueTask Add(string text)
        {
            Seen.Enqueue(text);
            return ValueTask.CompletedTask;
        }
    }

    /// <summary>Takes what a node writes; fails and forgets on demand.</summary>
    private sealed class RecordingStore : ISessionStore
    {
        private int _leases;

        internal ConcurrentQueue<SessionChange> Committed { get; } = new();

        internal Exception? Failure { get; set; }

        internal Exception? RenewFailure { get; set; }

        internal int ClaimFailures { get; set; }

        internal int Claims { get; private set; }

        internal bool LoseLease { get; set; }

        /// <summary>What a reset waits for.</summary>
        internal Task ResetGate { get; set; } = Task.CompletedTask;

        /// <summary>What a commit waits for.</summary>
        internal Task CommitGate { get; set; } = Task.CompletedTask;

        internal int CommitsBegun { get; private set; }

        /// <summary>What is refused for good, while the rest of the store works.</summary>
        internal Func<SessionChange, bool>? Refuses { get; set; }

        internal bool Hangs { get; set; }

        internal int Resets { get; private set; }

        internal int Commits { get; private set; }

        internal bool Removed { get; private set; }

        public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
        {
            ThrowIfCut();
            if (RenewFailure is { } failure)
            {
                throw failure;
            }

            var held = _leases++ > 0 && !LoseLease;
            LoseLease = false;
            return new(held);
        }

        public ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default)
        {
            Removed = true;
            return ValueTask.CompletedTask;
        }

        public async ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
        {
            ThrowIfCut();
            if (Hangs)
            {
                await Task.Delay(Timeout.Infinite, cancellationToken);
            }

            CommitsBegun++;
            await CommitGate;
            if (Refuses is { } refuses && changes.Any(refuses))
            {
                throw new SessionStoreUnavailableException("refused");
            }

            Commits++;
            foreach (var change in changes)
            {
                Committed.Enqueue(change);
            }
        }

        public async ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default)
        {
            ThrowIfCut();
            Resets++;
            await ResetGate;
        }

        public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default)
        {
            ThrowIfCut();
            Claims++;
            return ClaimFailures-- > 0 ? throw new SessionStoreUnavailableException("claim") : new([]);
        }

        public int NodeQueries { get; private set; }

        /// <summary>Whether each look finds another node than the one before.</summary>
        internal bool NodesChange { get; init; }

        public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<SessionPage> ListPageAsync(SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<GroupPage> ListGroupsAsync(GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) => throw new NotSupportedException();

        public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default)
        {
            NodeQueries++;
            return new(NodesChange ? [new() { NodeId = $"n{NodeQueries}", Name = "n", StartedAt = default }] : []);
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private void ThrowIfCut()
        {
            if (Failure is { } failure)
            {
                throw failure;
            }
        }
    }
}
