using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace DistributedSockets.Tests;

/// <summary>Sends through the log of a hub, seen by clients on the sender's node and on another one.</summary>
public sealed class LoggedSendTests : IAsyncLifetime
{
    private static readonly SendOptions s_logged = new() { IsLogged = true };

    private readonly InMemoryCluster _cluster = new();
    private readonly List<AppNode> _nodes = [];
    private readonly List<TestClient> _clients = [];
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await StartAsync();
        _there = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }
    }

    [Fact]
    public async Task Send_ToALoggedGroup_ReachesMembersOnBothNodesAndTellsItsPosition()
    {
        var (one, other, stranger) = (await JoinAsync(_here, "room-1"), await JoinAsync(_there, "room-1"), await JoinAsync(_there, "room-2"));

        var first = await SendAsync(WebSocketTarget.Group("room-1"), "a");
        var second = await SendAsync(WebSocketTarget.Group("room-1"), "b");

        Assert.Null(first.QueuedHere);
        Assert.Equal(OtherNodesOutcome.Taken, first.OtherNodes);
        Assert.Equal(new LogPosition(first.Position!.Value.Epoch, first.Position.Value.Offset + 1), second.Position);
        await AssertReceiveAsync(["a", "b"], one, other);
        await AssertReceiveAsync([], stranger);
    }

    [Fact]
    public async Task Send_ToWhatIsNotLogged_HasNoPosition()
    {
        var client = await JoinAsync(_here, "lobby", "u");

        foreach (var target in new[] { WebSocketTarget.All, WebSocketTarget.User("u"), WebSocketTarget.Group("lobby"), WebSocketTarget.Connection(client.Id) })
        {
            Assert.Null((await SendAsync(target, $"{target.Kind}")).Position);
        }

        Assert.Null((await _here.Router.SendAsync(WebSocketTarget.Group("room-1"), WebSocketMessage.Text("x"), new() { IsLogged = false }, Cancellation)).Position);
        await AssertReceiveAsync(["All", "Users", "Groups", "Connections"], client);
    }

    [Fact]
    public async Task Send_LoggedToEveryKindOfTarget_IsOneEntryAndOneCopyForEach()
    {
        TestClient[] clients = [await JoinAsync(_here, "red", "u"), await JoinAsync(_there, "red", "v")];
        foreach (var client in clients)
        {
            await _here.Router.AddToGroupAsync(client.Id, "green", Cancellation);
        }

        var bystander = await JoinAsync(_there, "blue", "w");
        WebSocketTarget[] targets =
        [
            WebSocketTarget.Groups(["red", "green", "red", "nobody"]),
            WebSocketTarget.Users(["u", "v", "u"]),
            WebSocketTarget.Connections([clients[0].Id, clients[1].Id, clients[0].Id, "nonsense", "no-such-node.AAAA"]),
        ];
        var last = (await SendAsync(WebSocketTarget.All, "All", s_logged)).Position!.Value;
        foreach (var target in targets)
        {
            var position = (await SendAsync(target, $"{target.Kind}", s_logged)).Position!.Value;
            Assert.Equal(last.Offset + 1, position.Offset);
            last = position;
        }

        await AssertReceiveAsync(["All", "Groups", "Users", "Connections"], clients);
        await AssertReceiveAsync(["All"], bystander);
    }

    [Fact]
    public async Task Send_LoggedWithExcludedConnections_LeavesThemOut()
    {
        var (excluded, other) = (await JoinAsync(_here, "room-1"), await JoinAsync(_there, "room-1"));
        var options = new SendOptions { IsLogged = true, ExcludedConnectionIds = [excluded.Id] };

        await SendAsync(WebSocketTarget.Group("room-1"), "a", options);
        await SendAsync(WebSocketTarget.All, "b", options);
        await SendAsync(WebSocketTarget.Connections([excluded.Id, other.Id]), "c", options);
        var nobody = await SendAsync(WebSocketTarget.Connection(excluded.Id), "d", options);

        Assert.Equal(0, nobody.QueuedHere);
        Assert.Null(nobody.Position);
        await AssertReceiveAsync(["a", "b", "c"], other);
        await AssertReceiveAsync([], excluded);
    }

    [Fact]
    public async Task Send_RepeatedUnderOneKey_ArrivesOnceAndTellsTheFirstPosition()
    {
        var client = await JoinAsync(_there, "room-1");
        var options = new SendOptions { IdempotencyKey = "order-1" };

        var first = await SendAsync(WebSocketTarget.Group("room-1"), "a", options);
        var second = await _there.Router.SendAsync(WebSocketTarget.Group("room-1"), WebSocketMessage.Text("again"), options, Cancellation);

        Assert.Equal(first.Position, second.Position);
        await AssertReceiveAsync(["a"], client);
    }

    [Fact]
    public async Task Send_FromManyAtOnce_AllReceiversSeeTheOrderOfThePositions()
    {
        const int Each = 200;
        TestClient[] clients = [await JoinAsync(_here, "room-1"), await JoinAsync(_there, "room-1")];
        var sent = new System.Collections.Concurrent.ConcurrentDictionary<long, string>();
        await Task.WhenAll(Enumerable.Range(0, 4).Select(sender => Task.Run(
            async () =>
            {
                for (var i = 0; i < Each; i++)
                {
                    var node = sender % 2 == 0 ? _here : _there;
                    var target = i % 2 == 0 ? WebSocketTarget.Group("room-1") : WebSocketTarget.All;
                    var result = await node.Router.SendAsync(target, WebSocketMessage.Text($"{sender}-{i}"), s_logged, Cancellation);
                    sent[result.Position!.Value.Offset] = $"{sender}-{i}";
                }
            },
            Cancellation))).WithinGuardAsync();

        await AssertReceiveAsync([.. sent.OrderBy(static entry => entry.Key).Select(static entry => entry.Value)], clients);
    }

    [Fact]
    public async Task Send_SealedForTheLog_ArrivesAlsoWhereItHasToBeRead()
    {
        var server = new FakeLogServer();
        var key = TestKeys.Create();
        var log = new FakeMessageLog(server);
        var sender = await StartAsync(sockets => sockets.UseMessageLog(_ => new FakeMessageLog(server)), key);
        var receiver = await StartAsync(sockets => sockets.UseMessageLog(_ => log), key);
        var client = await JoinAsync(receiver, "room-1");
        log.HandOver = static (_, _, _) => { };
        await sender.Router.SendAsync(WebSocketTarget.Group("room-1"), WebSocketMessage.Text("a"), default(SendOptions), Cancellation);
        log.HandOver = (hub, epoch, entry) =>
        {
            log.PassOn(hub, epoch, entry);
            log.PassOn(hub, epoch, entry);
        };

        await sender.Router.SendAsync(WebSocketTarget.Group("room-1"), WebSocketMessage.Text("b"), default(SendOptions), Cancellation);

        await AssertReceiveAsync(["a", "b"], client);
        var page = server.Read("probe", new() { Targets = null, Epoch = server.Epoch, After = 0, UpTo = 2, MaxEntries = 10, MaxBytes = 1_000_000 });
        Assert.All(page.Entries, static entry => Assert.True(SealedEnvelope.Is(entry.Payload.Span)));
    }

    [Fact]
    public async Task Send_WhileTheLogIsAway_ReachesNobodyHereEither()
    {
        var log = new FakeMessageLog(new());
        var node = await StartAsync(sockets => sockets.UseMessageLog(_ => log));
        var client = await JoinAsync(node, "room-1");
        foreach (var failure in new Exception[] { new MessageLogUnavailableException("away"), new MessageLogUnavailableException("late") { IsOutcomeUnknown = true }, new TimeoutException("odd") })
        {
            log.Failure = failure;
            var thrown = await Assert.ThrowsAsync<MessageLogUnavailableException>(async () => await node.Router.SendToGroupAsync("room-1", "lost", Cancellation));
            Assert.Equal((failure.Message != "away", true), (thrown.IsOutcomeUnknown, thrown.IsSend));
        }

        log.Failure = null;
        await node.Router.SendToGroupAsync("room-1", "found", Cancellation);

        await AssertReceiveAsync(["found"], client);
    }

    [Fact]
    public async Task Send_OfAHandlerWhileTheLogIsAway_LeavesItsConnectionOpen()
    {
        var log = new FakeMessageLog(new());
        var node = await StartAsync(sockets => sockets.UseMessageLog(_ => log));
        node.Probe.OnMessage = (_, message, token) => node.Router.SendToGroupAsync("room-1", message, token);
        var client = await JoinAsync(node, "room-1");
        log.Failure = new MessageLogUnavailableException("away");
        await client.SendAsync("lost");
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(static line => line.Id.Id == 126), "the failed send has been logged");

        log.Failure = null;
        await client.SendAsync("found");

        Assert.Equal("found", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Send_ThatCannotBeLogged_IsRefusedWithAWordOnWhatToDo()
    {
        await using var plain = await AppNode.StartAsync();
        var noLog = await Assert.ThrowsAsync<InvalidOperationException>(
            async () => await plain.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("x"), s_logged, Cancellation));
        Assert.Contains("HubOptions.EnableLog", noLog.Message);

        await AssertRefusedAsync("IdempotencyKey", WebSocketTarget.All, new() { IdempotencyKey = "k" });
        await AssertRefusedAsync("An idempotency key is empty", WebSocketTarget.All, new() { IsLogged = true, IdempotencyKey = "" });
        await AssertRefusedAsync("1024", WebSocketTarget.Groups([.. Enumerable.Range(0, LogQuery.MaxTargets + 1).Select(static i => $"g{i}")]), s_logged);
        await Assert.ThrowsAsync<ArgumentException>(async () => await _here.Router.SendConfirmedAsync("n.c", WebSocketMessage.Text("x"), s_logged, Cancellation));
    }

    [Fact]
    public async Task Start_WithALimitThatTheLogCannotCount_IsRefused()
    {
        var exception = await Assert.ThrowsAsync<OptionsValidationException>(() => AppNode.StartAsync(
            options: static options => (options.EnableLog, options.LogMaxBytesPerTarget) = (true, 1_000),
            build: static sockets => sockets.UseMessageLog(static _ => new FakeMessageLog(new()) { LimitsBytes = false })));

        Assert.Contains("cannot count bytes", exception.Message);
    }

    [Fact]
    public async Task Join_ThenLoggedSendAtOnce_ReachesTheMember()
    {
        var client = await JoinAsync(_there, "room-0");
        for (var i = 1; i <= 50; i++)
        {
            await _here.Router.AddToGroupAsync(client.Id, $"room-{i}", Cancellation);
            await SendAsync(WebSocketTarget.Group($"room-{i}"), $"{i}");
            Assert.Equal($"{i}", await client.ReceiveTextAsync());
        }
    }

    private static async Task AssertReceiveAsync(IReadOnlyList<string> texts, params IReadOnlyList<TestClient> clients)
    {
        foreach (var client in clients)
        {
            foreach (var text in texts)
            {
                Assert.Equal(text, await client.ReceiveTextAsync());
            }

            await client.SendAsync("fence");
            Assert.Equal("fence", await client.ReceiveTextAsync());
        }
    }

    private async Task AssertRefusedAsync(string word, WebSocketTarget target, SendOptions options)
    {
        var exception = await Assert.ThrowsAsync<ArgumentException>(async () => await SendAsync(target, "x", options));
        Assert.Contains(word, exception.Message);
    }

    private ValueTask<SendResult> SendAsync(WebSocketTarget target, string text, SendOptions options = default) =>
        _here.Router.SendAsync(target, WebSocketMessage.Text(text), options, Cancellation);

    private async Task<AppNode> StartAsync(Action<IDistributedWebSocketsBuilder>? build = null, string? key = null)
    {
        var node = await AppNode.StartAsync(
            _cluster,
            options =>
            {
                options.EnableLog = true;
                options.LoggedGroups.Add("room-*");
                if (key is not null)
                {
                    options.EnvelopeKeys.Add(key);
                }
            },
            build);
        _nodes.Add(node);
        return node;
    }

    private async Task<TestClient> JoinAsync(AppNode node, string group, string? user = null)
    {
        var client = await node.ConnectAsync(user);
        _clients.Add(client);
        await node.Router.AddToGroupAsync(client.Id, group, Cancellation);
        return client;
    }
}
