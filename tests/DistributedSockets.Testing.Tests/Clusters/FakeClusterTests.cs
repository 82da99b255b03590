using System.Diagnostics;
using System.Net.WebSockets;
using System.Security.Claims;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

public sealed class FakeClusterTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task SendToGroup_MemberOnAnotherNode_ReceivesJson()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");

        await alice.SendAsync("red:hello", Cancellation);

        Assert.Equal(new("alice", "hello"), await bob.ReceiveJsonAsync<Said>(cancellationToken: Cancellation));
        Assert.Equal(new("alice", "hello"), await alice.ReceiveJsonAsync<Said>(cancellationToken: Cancellation));
    }

    [Fact]
    public async Task SendToGroup_MemberThatLeft_ReceivesNothingMore()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");
        await bob.SendAsync("/leave red", Cancellation);
        Assert.Equal("left red", await bob.ReceiveTextAsync(Cancellation));

        await alice.SendAsync("red:hello", Cancellation);
        await alice.ReceiveAsync(Cancellation);
        await cluster[0].GetRouter<ChatHandler>().SendToUserAsync("bob", "fence", Cancellation);

        Assert.Equal("fence", await bob.ReceiveTextAsync(Cancellation));
    }

    [Fact]
    public async Task Client_AnyMessage_IsTakenAndAnsweredUnchanged()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var client = await cluster.ConnectAsync(0, "/chat", cancellationToken: Cancellation);
        var large = new byte[60_000];
        new Random(1).NextBytes(large);

        foreach (var payload in new[] { [], [1, 2, 3], large })
        {
            await client.SendAsync(payload, Cancellation);
            var answer = await client.ReceiveAsync(Cancellation);
            Assert.Equal(WebSocketMessageType.Binary, answer.MessageType);
            Assert.True(payload.AsSpan().SequenceEqual(answer.Data.Span));
        }
    }

    [Fact]
    public async Task Connect_HandshakeOfTheTests_ReachesTheApp()
    {
        WebSocketConnection? seen = null;
        await using var cluster = await ChatApp.StartAsync(nodes: 1, options => options.ConfigureApp(app => app.MapDistributedWebSocket("/{room}/raw", (connection, _, _, _) =>
        {
            seen = connection;
            return connection.CloseAsync(cancellationToken: Cancellation);
        })));
        var client = await cluster.ConnectAsync(
            0,
            "/a%20b/raw?token=x%26y",
            configure: handshake =>
            {
                handshake.User = new(new ClaimsIdentity([new(ClaimTypes.NameIdentifier, "carol"), new(ClaimTypes.Role, "admin")], "Test"));
                handshake.SubProtocols.Add("chat.v3");
                handshake.SubProtocols.Add("chat.v2");
                handshake.Headers["X-Device"] = "phone";
                handshake.RemoteIpAddress = System.Net.IPAddress.Parse("10.1.2.3");
            },
            cancellationToken: Cancellation);

        await client.SendAsync("go", Cancellation);
        await client.WaitForCloseAsync(Cancellation);

        Assert.Equal("chat.v2", client.SubProtocol);
        Assert.NotNull(seen);
        Assert.Equal(
            ("carol", true, "chat.v2", "phone", "x&y", "10.1.2.3", client.ConnectionId),
            (seen.UserId, seen.User.IsInRole("admin"), seen.SubProtocol, seen.Headers["X-Device"].ToString(), seen.Query["token"].ToString(), seen.RemoteIpAddress?.ToString(), seen.Id));
    }

    [Theory]
    [InlineData("/chat", "http://evil.example", 403)]
    [InlineData("/nowhere", null, 404)]
    public async Task Connect_RefusedByTheApp_ThrowsWithStatus(string path, string? origin, int status)
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);

        var refused = await Assert.ThrowsAsync<HandshakeRefusedException>(() => cluster.ConnectAsync(
            0, path, configure: handshake => handshake.Headers.Origin = origin, cancellationToken: Cancellation));

        Assert.Equal(status, refused.StatusCode);
    }

    [Fact]
    public async Task HttpClient_EndpointOfTheApp_ReachesUserOnAnotherNode()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await cluster.ConnectAsync(1, "/chat", "alice", cancellationToken: Cancellation);
        using var http = cluster[0].CreateHttpClient();

        (await http.PostAsync("/notify/alice", null, Cancellation)).EnsureSuccessStatusCode();

        Assert.Equal("notified", await alice.ReceiveTextAsync(Cancellation));
    }

    [Fact]
    public async Task Connect_SessionStore_ShowsItAtOnceAndOnEveryNode()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);

        var alice = await cluster.ConnectAsync(0, "/chat", "alice", cancellationToken: Cancellation);

        var session = await cluster[1].SessionStore.FindAsync("chat", alice.ConnectionId, Cancellation);
        Assert.Equal(("alice", cluster.NodeIds[0]), (session?.UserId, session?.NodeId));
        await cluster.WaitForConnectionsAsync(1, Cancellation);
    }

    [Fact]
    public async Task Connect_ManyAtOnce_EachKnowsItsOwnConnection()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);

        var clients = await Task.WhenAll(Enumerable.Range(0, 40).Select(i => cluster.ConnectAsync(i % 2, "/chat", $"user{i}", cancellationToken: Cancellation)));
        await Task.WhenAll(clients.Select((client, i) => cluster[0].GetRouter<ChatHandler>().SendToConnectionAsync(client.ConnectionId, $"{i}", Cancellation).AsTask()));

        for (var i = 0; i < clients.Length; i++)
        {
            Assert.Equal($"{i}", await clients[i].ReceiveTextAsync(Cancellation));
        }
    }

    [Fact]
    public async Task Close_ByClient_IsAnsweredAndEndsTheSession()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await cluster.ConnectAsync(0, "/chat", "alice", cancellationToken: Cancellation);

        var answer = await alice.CloseAsync((WebSocketCloseStatus)4000, "enough", Cancellation);

        Assert.Equal((WebSocketCloseStatus)4000, answer.Status);
        var ended = Assert.Single(await cluster.WaitForSessionsEndedAsync(1, Cancellation));
        Assert.Equal(("alice", SessionEndCause.Disconnected), (ended.Session.UserId, ended.Cause));
        var reason = Assert.Single(cluster[0].Services.GetRequiredService<Farewells>().Seen);
        Assert.Equal((DisconnectKind.ClosedByClient, (WebSocketCloseStatus?)4000, "enough"), (reason.Kind, reason.CloseStatus, reason.Description));
        Assert.Contains("4000", (await Assert.ThrowsAsync<WebSocketException>(() => alice.ReceiveAsync(Cancellation))).Message);
    }

    [Theory]
    [InlineData("/fail", 1011)]
    [InlineData("/quit", 4001)]
    public async Task Close_ByServer_ClientSeesCode(string message, int status)
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var client = await cluster.ConnectAsync(0, "/chat", cancellationToken: Cancellation);

        await client.SendAsync(message, Cancellation);

        Assert.Equal(status, (int?)(await client.WaitForCloseAsync(Cancellation)).Status);
        await cluster.WaitForConnectionsAsync(0, Cancellation);
    }

    [Fact]
    public async Task Abort_ByClient_HandlerIsToldOfLoss()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var client = await cluster.ConnectAsync(0, "/chat", "alice", cancellationToken: Cancellation);

        client.Abort();

        await cluster.WaitForSessionsEndedAsync(1, Cancellation);
        await Eventually.TrueAsync(() => !cluster[0].Services.GetRequiredService<Farewells>().Seen.IsEmpty, "the handler has been told");
        Assert.Equal(DisconnectKind.ConnectionLost, Assert.Single(cluster[0].Services.GetRequiredService<Farewells>().Seen).Kind);
    }

    [Fact]
    public async Task Crash_SessionsOfTheNode_EndExactlyOnceWhenTheLeaseRunsOut()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 3);
        var survivor = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var lost = new List<FakeClient>();
        for (var i = 0; i < 20; i++)
        {
            lost.Add(await ChatApp.JoinAsync(cluster, node: 1, $"user{i}", "red"));
        }

        await cluster.CrashAsync(node: 1);

        foreach (var client in lost)
        {
            Assert.Equal(new(), await client.WaitForCloseAsync(Cancellation));
        }

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(14), Cancellation);
        Assert.Equal(3, (await cluster.WaitForMembersAsync(3, Cancellation)).Count);
        Assert.Empty(cluster.SessionsEnded);

        await cluster.AdvanceAsync(TimeSpan.FromSeconds(1), Cancellation);
        Assert.Equal(lost.Select(client => client.ConnectionId).Order(), cluster.SessionsEnded.Select(ended => ended.Session.ConnectionId).Order());
        Assert.All(cluster.SessionsEnded, ended => Assert.Equal(SessionEndCause.NodeLost, ended.Cause));
        Assert.Empty(cluster[1].SessionsEnded);
        Assert.Equal([cluster.NodeIds[0], cluster.NodeIds[2]], (await cluster.WaitForMembersAsync(2, Cancellation)).Order(StringComparer.Ordinal));
        Assert.False(await cluster[2].SessionStore.IsOnlineAsync("chat", "user0", Cancellation));

        await cluster.AdvanceAsync(TimeSpan.FromMinutes(2), Cancellation);
        Assert.Equal(20, cluster.SessionsEnded.Count);
        Assert.True(survivor.IsOpen);
        Assert.Empty(cluster[1].Services.GetRequiredService<Farewells>().Seen);
    }

    [Fact]
    public async Task Crash_SenderOnSurvivor_IsNotHeldUp()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");

        await cluster.CrashAsync(node: 1);
        await alice.SendAsync("red:anyone?", Cancellation);

        Assert.Equal(new("alice", "anyone?"), await alice.ReceiveJsonAsync<Said>(cancellationToken: Cancellation));
        await Assert.ThrowsAsync<WebSocketException>(() => bob.ReceiveAsync(Cancellation));
        await Assert.ThrowsAsync<WebSocketException>(() => bob.SendAsync("red:me!", Cancellation));
        await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.ConnectAsync(1, "/chat", cancellationToken: Cancellation));
        await Assert.ThrowsAsync<InvalidOperationException>(() => cluster.CrashAsync(1));
    }

    [Fact]
    public async Task Crash_NodeStillAsked_SaysNothingToAnyone()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var dead = cluster[1].GetRouter<ChatHandler>();
        await cluster.CrashAsync(node: 1);

        var send = dead.SendToGroupAsync("red", "from the grave", Cancellation).AsTask();
        var removal = cluster[1].SessionStore.RemoveNodeAsync(cluster.NodeIds[0], Cancellation).AsTask();
        await cluster[0].GetRouter<ChatHandler>().SendToGroupAsync("red", "fence", Cancellation);

        Assert.Equal("fence", await alice.ReceiveTextAsync(Cancellation));
        Assert.False(send.IsCompleted);
        Assert.False(removal.IsCompleted);
        Assert.Equal(2, (await cluster.WaitForMembersAsync(2, Cancellation)).Count);
        await cluster.DisposeAsync();
        await Assert.ThrowsAsync<InvalidOperationException>(() => removal.WithinGuardAsync());
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => send.WithinGuardAsync());
    }

    [Fact]
    public async Task Stop_Node_DrainsWith1001AndSignsOff()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var clients = await Task.WhenAll(Enumerable.Range(0, 120).Select(i => cluster.ConnectAsync(0, "/chat", $"user{i}", cancellationToken: Cancellation)));
        var other = await cluster.ConnectAsync(1, "/chat", "other", cancellationToken: Cancellation);
        var before = cluster.Time.GetUtcNow();

        await cluster.StopAsync(node: 0, Cancellation);

        foreach (var client in clients)
        {
            Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, (await client.WaitForCloseAsync(Cancellation)).Status);
        }

        Assert.Equal(cluster.NodeIds[1], Assert.Single(await cluster.WaitForMembersAsync(1, Cancellation)));
        Assert.Equal(120, cluster[0].SessionsEnded.Count(static ended => ended.Cause == SessionEndCause.Disconnected));
        Assert.All(cluster[0].Services.GetRequiredService<Farewells>().Seen, static reason => Assert.Equal(DisconnectKind.Drained, reason.Kind));
        Assert.InRange(cluster.Time.GetUtcNow() - before, TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(1)); // 50 each 50 ms
        Assert.True(other.IsOpen);
        Assert.Equal(FakeNodeState.Stopped, cluster[0].State);
    }

    [Fact]
    public async Task Stop_ClientThatDoesNotRead_IsCutAfterTheCloseTimeout()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var deaf = await cluster.ConnectAsync(0, "/chat", "deaf", cancellationToken: Cancellation);
        deaf.PauseReading();
        var before = cluster.Time.GetUtcNow();

        await cluster.StopAsync(node: 0, Cancellation);

        Assert.InRange(cluster.Time.GetUtcNow() - before, TimeSpan.FromSeconds(5), TimeSpan.FromSeconds(6));
        Assert.Equal("deaf", Assert.Single(cluster.SessionsEnded).Session.UserId);
    }

    [Fact]
    public async Task SlowConsumer_QueueFull_IsClosedWith1008AndOthersAreServed()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var sender = await ChatApp.JoinAsync(cluster, node: 0, "sender", "red");
        var fast = await ChatApp.JoinAsync(cluster, node: 1, "fast", "red");
        var slow = await ChatApp.JoinAsync(cluster, node: 1, "slow", "red", handshake => handshake.WindowBytes = 512);
        slow.PauseReading();

        for (var i = 0; i < 10; i++)
        {
            await sender.SendAsync($"red:{new string('x', 500)}", Cancellation);
            await fast.ReceiveAsync(Cancellation);
            await sender.ReceiveAsync(Cancellation);
        }

        slow.ResumeReading();
        Assert.Equal(WebSocketCloseStatus.PolicyViolation, (await slow.WaitForCloseAsync(Cancellation)).Status);
        await Eventually.TrueAsync(() => !cluster[1].Services.GetRequiredService<Farewells>().Seen.IsEmpty, "the handler has been told");
        Assert.Equal(DisconnectKind.SlowConsumer, Assert.Single(cluster[1].Services.GetRequiredService<Farewells>().Seen).Kind);
        Assert.True(fast.IsOpen);
    }

    [Fact]
    public async Task CutBackplane_SendAndPossibleLoss_AreReported()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");
        var router = cluster[0].GetRouter<ChatHandler>();

        cluster.CutBackplane();
        var cutAt = cluster.Time.GetUtcNow();
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => router.SendToGroupAsync("red", "lost", Cancellation).AsTask());
        Assert.Equal("lost", await alice.ReceiveTextAsync(Cancellation));
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(30), Cancellation);
        cluster.RestoreBackplane();

        var losses = await cluster.WaitForPossibleLossesAsync(2, Cancellation);
        Assert.All(losses, static loss => Assert.Equal(PossibleLossCause.BackplaneReconnected, loss.Cause));
        Assert.All(losses, loss => Assert.True(loss.From <= cutAt && loss.To >= cutAt + TimeSpan.FromSeconds(30)));
        await router.SendToGroupAsync("red", "back", Cancellation);
        Assert.Equal("back", await bob.ReceiveTextAsync(Cancellation));
    }

    [Fact]
    public async Task CutBackplane_OfOneNode_OthersStillReachEachOther()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 3);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        var bob = await ChatApp.JoinAsync(cluster, node: 1, "bob", "red");
        var carol = await ChatApp.JoinAsync(cluster, node: 2, "carol", "red");

        cluster[1].Backplane.Cut();
        await alice.SendAsync("red:one", Cancellation);
        Assert.Equal("one", (await carol.ReceiveJsonAsync<Said>(cancellationToken: Cancellation))?.Text);
        cluster[1].Backplane.Restore();
        await alice.SendAsync("red:two", Cancellation);

        Assert.Equal("two", (await bob.ReceiveJsonAsync<Said>(cancellationToken: Cancellation))?.Text);
        Assert.Single(await cluster.WaitForPossibleLossesAsync(1, Cancellation));
        Assert.Single(cluster[1].PossibleLosses);
    }

    [Fact]
    public async Task AddNode_WhileRunning_HearsOfOthersAndIsHeard()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 1);
        var alice = await ChatApp.JoinAsync(cluster, node: 0, "alice", "red");
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(7), Cancellation);

        var added = await cluster.AddNodeAsync(Cancellation);
        var bob = await ChatApp.JoinAsync(cluster, added.Index, "bob", "red");
        await bob.SendAsync("red:new here", Cancellation);

        Assert.Equal(new("bob", "new here"), await alice.ReceiveJsonAsync<Said>(cancellationToken: Cancellation));
        Assert.Equal(2, (await cluster.WaitForMembersAsync(2, Cancellation)).Count);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task Faults_SameSeed_SameMessagesAreLost(int seed)
    {
        var first = await RunAsync();
        var second = await RunAsync();

        Assert.Equal(first, second);
        Assert.InRange(first.Count, 20, 80); // of 100, half of which are lost

        async Task<List<string>> RunAsync()
        {
            await using var cluster = await ChatApp.StartAsync(nodes: 2, options =>
            {
                options.Faults.Seed = seed;
                options.Faults.LossProbability = 0.5;
                options.ConfigureServices(static services => services.PostConfigure<DistributedWebSocketsOptions>(
                    static sockets => sockets.OutboundQueueFrames = 200)); // all that is sent may wait at once: it is about loss, not about slow clients
            });
            var bob = await cluster.ConnectAsync(1, "/chat", "bob", cancellationToken: Cancellation);
            var router = cluster[0].GetRouter<ChatHandler>();
            for (var i = 0; i < 50; i++)
            {
                await router.SendToUserAsync("bob", $"user {i}", Cancellation);
                await router.SendToConnectionAsync(bob.ConnectionId, $"connection {i}", Cancellation);
            }

            cluster[1].Backplane.Options.LossProbability = 0;
            await router.SendToUserAsync("bob", "fence", Cancellation);
            var received = new List<string>();
            while (await bob.ReceiveTextAsync(Cancellation) is var text && text != "fence")
            {
                received.Add(text);
            }

            return received;
        }
    }

    [Fact]
    public async Task Faults_Delay_IsThatOfTheClock()
    {
        await using var cluster = await ChatApp.StartAsync(nodes: 2, static options =>
        {
            options.Faults.DelayProbability = 1;
            options.Faults.MinDelay = options.Faults.MaxDelay = TimeSpan.FromSeconds(3);
        });
        var bob = await cluster.ConnectAsync(1, "/chat", "bob", cancellationToken: Cancellation);
        var router = cluster[0].GetRouter<ChatHandler>();

        await router.SendToUserAsync("bob", "late", Cancellation);
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(2.9), Cancellation);
        await cluster[1].GetRouter<ChatHandler>().SendToUserAsync("bob", "at once", Cancellation);
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(0.1), Cancellation);

        Assert.Equal(["at once", "late"], [await bob.ReceiveTextAsync(Cancellation), await bob.ReceiveTextAsync(Cancellation)]);
    }

    [Fact]
    public async Task Dispose_HandlerThatDoesNotReturn_Completes()
    {
        var entered = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var cluster = await ChatApp.StartAsync(nodes: 1, options => options.ConfigureApp(app => app.MapDistributedWebSocket("/stuck", async (_, _, _, _) =>
        {
            entered.TrySetResult();
            await new TaskCompletionSource().Task;
        })));
        var client = await cluster.ConnectAsync(0, "/stuck", cancellationToken: Cancellation);
        await client.SendAsync("x", Cancellation);
        await entered.Task.WithinGuardAsync();

        await cluster.DisposeAsync().WithinGuardAsync();

        Assert.False(client.IsOpen);
        await cluster.DisposeAsync().WithinGuardAsync();
    }

    [Fact]
    public async Task Start_AppThatCannotBeBuilt_ThrowsWhatItThrew()
    {
        await Assert.ThrowsAsync<UnreachableException>(() => FakeCluster.StartAsync(
            2, static options => options.ConfigureApp(static _ => throw new UnreachableException()), cancellationToken: Cancellation));
    }
}
