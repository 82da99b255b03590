using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Testing.Tests;

/// <summary>What passes over a session that can be resumed beside plain messages: questions, properties, and what comes too late.</summary>
public sealed class SessionMessageTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Ask_TheClientOfASession_GetsItsAnswerWhichIsAcknowledgedAndNotHandled(int asker)
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);

        var asking = cluster[asker].Router.AskAsync(session.Id, static id => WebSocketMessage.Text($"ask:{id}"), TimeSpan.FromMinutes(1), Cancellation).AsTask();
        var question = Assert.Single(await ResumedSession.ReadAsync(client, 1));
        Assert.StartsWith("u\nask:", question, StringComparison.Ordinal);
        var reply = $"re:{question["u\nask:".Length..]}:yes";
        await client.SendAsync($"m 7\n{reply}", Cancellation);

        Assert.Equal(reply, (await asking.WithinGuardAsync()).GetText());
        await client.SendAsync($"m 7\n{reply}", Cancellation);
        await client.SendAsync("m 8\nget", Cancellation);
        Assert.Equal(["a 7\n", "d 7\n", "u\nnone", "a 8\n"], await ResumedSession.ReadAsync(client, 4));
    }

    [Fact]
    public async Task Ask_ASessionThatIsAwayOrUnknown_IsNotFound()
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        foreach (var id in (string[])[session.Id, new('A', 22)])
        {
            var failure = await Assert.ThrowsAsync<AskFailedException>(
                () => cluster[1].Router.AskAsync(id, static id => WebSocketMessage.Text($"ask:{id}"), TimeSpan.FromMinutes(1), Cancellation).AsTask());
            Assert.Equal(AskFailure.NotFound, failure.Failure);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Confirmed_ToASession_IsLoggedWhereverItsClientIsAndNotFoundWhenItHasEnded(int sender)
    {
        await using var cluster = await StartAsync();
        var router = cluster[sender].Router;
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);

        Assert.Equal(ConfirmedSendOutcome.Logged, await SendAsync("connected"));
        Assert.Equal(["m 1\nconnected"], await ResumedSession.ReadAsync(client, 1));
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        Assert.Equal(ConfirmedSendOutcome.Logged, await SendAsync("away", new() { IdempotencyKey = "key" }));
        Assert.Equal(ConfirmedSendOutcome.Logged, await SendAsync("away", new() { IdempotencyKey = "key" }));
        await using var again = await ResumedSession.ConnectAsync(cluster, 1, session with { Number = 1 });
        await ResumedSession.ReadAsync(again);
        Assert.Equal(ConfirmedSendOutcome.Logged, await SendAsync("elsewhere"));
        Assert.Equal(["m 2\naway", "m 3\nelsewhere"], await ResumedSession.ReadAsync(again, 2));

        await router.DisconnectAsync(session.Id, cancellationToken: Cancellation);
        await again.WaitForServerAsync(Cancellation);
        Assert.Equal(ConfirmedSendOutcome.NotFound, await SendAsync("ended"));
        Assert.Equal(ConfirmedSendOutcome.NotFound, await router.SendConfirmedAsync(new string('A', 22), WebSocketMessage.Text("unknown"), default, Cancellation));

        ValueTask<ConfirmedSendOutcome> SendAsync(string text, SendOptions options = default) =>
            router.SendConfirmedAsync(session.Id, WebSocketMessage.Text(text), options, Cancellation);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Confirmed_ToASessionPastTheLog_IsQueuedAtItsNodeAndNotFoundWhileItsClientIsAway(int sender)
    {
        await using var cluster = await StartAsync();
        var router = cluster[sender].Router;
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        var unlogged = new SendOptions { IsLogged = false };

        Assert.Equal(ConfirmedSendOutcome.Queued, await router.SendConfirmedAsync(session.Id, WebSocketMessage.Text("now"), unlogged, Cancellation));
        Assert.Equal(["u\nnow"], await ResumedSession.ReadAsync(client, 1));
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        Assert.Equal(ConfirmedSendOutcome.NotFound, await router.SendConfirmedAsync(session.Id, WebSocketMessage.Text("never"), unlogged, Cancellation));
        await Assert.ThrowsAsync<ArgumentException>(
            async () => await router.SendConfirmedAsync(session.Id, WebSocketMessage.Text("x"), new() { IsLogged = false, IdempotencyKey = "key" }, Cancellation));
    }

    [Fact]
    public async Task Properties_SetOverASession_AreThereWhenItGoesOnAtAnotherNode()
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        await client.SendAsync("m 1\nred", Cancellation);
        Assert.Equal(["a 1\n"], await ResumedSession.ReadAsync(client, 1));
        client.Abort();
        await client.WaitForServerAsync(Cancellation);

        var again = await ResumedSession.ConnectAsync(cluster, 1, session);
        await ResumedSession.ReadAsync(again);
        await again.SendAsync("u\nget", Cancellation);

        Assert.Equal(["u\nred"], await ResumedSession.ReadAsync(again, 1));
        Assert.Equal("red", (await cluster[1].SessionStore.ListAsync(SessionQuery.ForNode(cluster[1].NodeId), Cancellation).SingleAsync(Cancellation)).Properties["color"]);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    public async Task Message_TooLateForTheClient_UsesUpItsNumberAndCountsAsAcknowledged(int node)
    {
        await using var cluster = await StartAsync();
        var client = await ResumedSession.ConnectAsync(cluster, 0);
        var session = await ResumedSession.ReadAsync(client);
        client.Abort();
        await client.WaitForServerAsync(Cancellation);
        await cluster[1].Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("late"), new SendOptions { TimeToLive = TimeSpan.FromSeconds(5) }, Cancellation);
        await cluster[1].Router.SendToAllAsync("kept", Cancellation);
        await cluster.AdvanceAsync(TimeSpan.FromSeconds(10), Cancellation);

        var again = await ResumedSession.ConnectAsync(cluster, node, session);
        await ResumedSession.ReadAsync(again);
        Assert.Equal(["m 2\nkept"], await ResumedSession.ReadAsync(again, 1));
        await again.SendAsync("a 2\n", Cancellation);
        again.Abort();
        await again.WaitForServerAsync(Cancellation);
        await cluster[0].Router.SendToAllAsync("next", Cancellation);

        var last = await ResumedSession.ConnectAsync(cluster, 1 - node, session with { Number = 2 });
        await ResumedSession.ReadAsync(last);
        Assert.Equal(["m 3\nnext"], await ResumedSession.ReadAsync(last, 1));
    }

    private static Task<FakeCluster> StartAsync() => FakeCluster.StartAsync(
        nodes: 2,
        options => options
            .ConfigureSockets(static sockets => sockets.AddHub("default", static hub =>
            {
                hub.LogAll = true;
                hub.EnableResume = true;
                hub.AnswerMatcher = static message => message.GetText().Split(':') is ["re", var id, ..] ? id : null;
            }))
            .ConfigureApp(static app => app.MapDistributedWebSocket("/raw", static (connection, message, _, token) => message.GetText() == "get"
                ? connection.SendAsync(WebSocketMessage.Text(connection.Properties.GetValueOrDefault("color", "none")), token)
                : connection.SetPropertiesAsync(new Dictionary<string, string> { ["color"] = message.GetText() }, token))),
        cancellationToken: Cancellation);
}
