using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text.RegularExpressions;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Questions to clients, here and at another node: a question is <c>ask:ID</c>, its answer <c>re:ID:…</c>.</summary>
public sealed partial class AskTests : IAsyncLifetime
{
    private static readonly TimeSpan s_timeout = TimeSpan.FromMinutes(5);

    private readonly InMemoryCluster _cluster = new();
    private readonly FakeTimeProvider _time = new();
    private readonly FakeBackplane _backplane;
    private readonly ConcurrentQueue<string> _handled = new();
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    public AskTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await StartAsync(sockets => sockets.UseBackplane(_ => _backplane));
        _there = await StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _here.DisposeAsync();
        await _there.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ask_ClientAnswers_GetsTheAnswerAndTheHandlerGetsTheRest(bool isHere)
    {
        await using var client = await ConnectAsync(isHere);

        var asking = AskAsync(client);
        var id = await ReceiveIdAsync(client);
        await client.SendAsync("before");
        await client.SendAsync($"re:{id}:forty-two");
        var answer = await asking;
        await client.SendAsync("after");

        Assert.True(answer.IsText);
        Assert.Equal($"re:{id}:forty-two", answer.GetText());
        await HandledAsync("before", "after");
        Assert.Matches("^[A-Za-z0-9_-]{22}$", id);
    }

    [Fact]
    public async Task Ask_BinaryBothWays_CarriesTheBytes()
    {
        await using var client = await ConnectAsync(isHere: false);

        var asking = _here.Router.AskAsync(client.Id, static id => WebSocketMessage.Binary(System.Text.Encoding.UTF8.GetBytes($"ask:{id}")), s_timeout, Cancellation);
        var (type, question) = await client.ReceiveAsync();
        await client.SendAsync([.. "re:"u8, .. question.AsSpan(4), (byte)':', 0, 255], WebSocketMessageType.Binary);
        var answer = await asking;

        Assert.Equal(WebSocketMessageType.Binary, type);
        Assert.Equal(WebSocketMessageType.Binary, answer.MessageType);
        Assert.Equal([(byte)':', 0, 255], answer.Data[^3..].ToArray());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ask_HandlerOfTheSameClientWaitsForTheAnswer_OtherMessagesComeAfterItInOrder(bool connecting)
    {
        var answers = new ConcurrentQueue<string>();
        Func<WebSocketConnection, ValueTask> ask = async connection =>
            answers.Enqueue((await _here.Router.AskAsync(connection.Id, Question, s_timeout, Cancellation)).GetText());
        Handle(connecting ? null : "go", ask);
        if (connecting)
        {
            _here.Probe.OnConnected = ask;
        }

        await using var client = await TestClient.ConnectAsync(_here.Address, "/chat", readId: false);
        if (!connecting)
        {
            await client.ReceiveTextAsync(); // its id
            await client.SendAsync("go");
        }

        var id = await ReceiveIdAsync(client);
        string[] texts = ["a", "b", "c", "d", "e"];
        foreach (var text in texts)
        {
            await client.SendAsync(text);
        }

        Assert.Empty(answers);
        await client.SendAsync($"re:{id}:yes");

        await HandledAsync(connecting ? texts : ["go", .. texts]);
        Assert.Equal([$"re:{id}:yes"], answers);
    }

    [Fact]
    public async Task Ask_WhileTheHandlerIsBusyWithSomethingElse_IsAnswered()
    {
        var finish = new TaskCompletionSource();
        Handle("busy", _ => new(finish.Task));
        await using var client = await ConnectAsync(isHere: true);
        await client.SendAsync("busy");
        await Eventually.TrueAsync(() => _handled.Contains("busy"), "the handler is busy");
        await client.SendAsync("waits");

        for (var i = 0; i < 3; i++)
        {
            var asking = AskAsync(client);
            await client.SendAsync($"re:{await ReceiveIdAsync(client)}:{i}");
            Assert.EndsWith($":{i}", (await asking).GetText());
        }

        Assert.DoesNotContain("waits", _handled);
        finish.SetResult();
        await HandledAsync("busy", "waits");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ask_HandlersOfTwoClientsAskEachOther_BothAreAnswered(bool onOneNode)
    {
        var second = onOneNode ? _here : _there;
        await using var ann = await _here.ConnectAsync();
        await using var bob = await second.ConnectAsync();
        var answers = new ConcurrentQueue<string>();
        Handle("go", async connection =>
        {
            var router = connection.NodeId == _here.Services.GetRequiredService<NodeInfo>().NodeId ? _here.Router : second.Router;
            answers.Enqueue((await router.AskAsync(connection.Id == ann.Id ? bob.Id : ann.Id, Question, s_timeout, Cancellation)).GetText());
        });

        await Task.WhenAll(ann.SendAsync("go"), bob.SendAsync("go"));
        var ids = (Ann: await ReceiveIdAsync(ann), Bob: await ReceiveIdAsync(bob)); // both are asked, so both handlers wait
        await ann.SendAsync($"re:{ids.Ann}:ann");
        await bob.SendAsync($"re:{ids.Bob}:bob");

        await Eventually.TrueAsync(() => answers.Count == 2, "both are answered");
        Assert.Equal(new[] { $"re:{ids.Ann}:ann", $"re:{ids.Bob}:bob" }.Order(), answers.Order());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ask_AnswerIsLateRepeatedOrOfAnotherClient_GoesToTheHandlerAndAnswersNothing(bool isHere)
    {
        await using var client = await ConnectAsync(isHere);
        await using var other = await ConnectAsync(isHere);
        var asking = AskAsync(client);
        var second = AskAsync(client);
        var (id, secondId) = (await ReceiveIdAsync(client), await ReceiveIdAsync(client));

        await other.SendAsync($"re:{id}:not mine");
        await HandledAsync($"re:{id}:not mine");
        Assert.False(asking.IsCompleted);

        await client.SendAsync($"re:{id}:first");
        await client.SendAsync($"re:{id}:again");
        Assert.Equal($"re:{id}:first", (await asking).GetText());
        await HandledAsync($"re:{id}:again");

        _time.Advance(s_timeout);
        Assert.Equal(AskFailure.NoAnswer, (await FailsAsync(second)).Failure);
        await client.SendAsync($"re:{secondId}:late");
        await HandledAsync($"re:{secondId}:late");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Ask_Cancelled_IsGivenUpAndLeavesRoomForAnother(bool isHere)
    {
        await using var client = await ConnectAsync(isHere);
        var node = isHere ? _here : _there;
        using var cancellation = new CancellationTokenSource();
        var asking = Enumerable.Range(0, 4).Select(_ => _here.Router.AskAsync(client.Id, Question, s_timeout, cancellation.Token).AsTask()).ToArray();
        foreach (var _ in asking)
        {
            await ReceiveIdAsync(client);
        }

        Assert.Equal(AskFailure.TooManyQuestions, (await FailsAsync(AskAsync(client))).Failure);
        await cancellation.CancelAsync();
        foreach (var task in asking)
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task.WithinGuardAsync());
        }

        await Eventually.TrueAsync(() => !node.Hub.Find(client.Id)!.IsAsked, "its node has given up the questions");
        var last = AskAsync(client);
        await client.SendAsync($"re:{await ReceiveIdAsync(client)}:here");
        Assert.EndsWith(":here", (await last).GetText());
    }

    [Theory]
    [InlineData(true, "closes")]
    [InlineData(false, "closes")]
    [InlineData(true, "vanishes")]
    [InlineData(false, "vanishes")]
    [InlineData(true, "is closed")]
    [InlineData(false, "is closed")]
    public async Task Ask_ClientGoes_FailsAtOnce(bool isHere, string how)
    {
        await using var client = await ConnectAsync(isHere);
        var asking = AskAsync(client);
        await ReceiveIdAsync(client);

        switch (how)
        {
            case "closes":
                await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
                break;
            case "vanishes":
                client.Socket.Abort();
                break;
            default:
                await _here.Router.DisconnectAsync(client.Id, cancellationToken: Cancellation);
                break;
        }

        Assert.Equal(AskFailure.ClientGone, (await FailsAsync(asking)).Failure);
    }

    [Fact]
    public async Task Ask_OwnClientClosesMeanwhile_IsNoFaultOfTheHandlerAndWhatCameBeforeIsHandled()
    {
        Handle("go", async connection => await _here.Router.AskAsync(connection.Id, Question, s_timeout, Cancellation));
        await using var client = await ConnectAsync(isHere: true);
        await client.SendAsync("go");
        await ReceiveIdAsync(client);

        await client.SendAsync("last words");
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "bye", Cancellation);

        Assert.Equal(DisconnectKind.ClosedByClient, (await _here.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
        await HandledAsync("go", "last words");
        Assert.DoesNotContain(_here.Logs.GetSnapshot(), static record => record.Id.Id == 102);
    }

    [Fact]
    public async Task Ask_NobodyThere_IsNotFoundAndNobodyIsAsked()
    {
        await using var client = await ConnectAsync(isHere: false);
        var node = _there.Services.GetRequiredService<NodeInfo>().NodeId;
        foreach (var id in (string[])["no id", $"{node}.AAAAAAAAAAAAAAAAAAAAAA", "gone-aaaaaaaaaa.AAAAAAAAAAAAAAAAAAAAAA"])
        {
            Assert.Equal(AskFailure.NotFound, (await FailsAsync(_here.Router.AskAsync(id, Question, s_timeout, Cancellation).AsTask())).Failure);
        }
    }

    [Fact]
    public async Task Ask_BackplaneIsAway_SaysSo()
    {
        await using var client = await ConnectAsync(isHere: false);
        var asking = AskAsync(client);
        await ReceiveIdAsync(client);

        _backplane.Failure = new BackplaneUnavailableException();
        _backplane.Receiver.OnUnavailable(null);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => AskAsync(client).WithinGuardAsync());

        // And one that was asked before hears it, when its time is up, rather than that the client was silent.
        _time.Advance(s_timeout);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => asking.WithinGuardAsync());
    }

    [Fact]
    public async Task Ask_MoreThanTheProcessMayHaveOpen_Fails()
    {
        await using var node = await StartAsync(options: static options => options.MaxOpenQuestions = 1);
        await using var clientThere = await ConnectAsync(isHere: false);
        await using var client = await node.ConnectAsync();
        var asked = node.Router.AskAsync(clientThere.Id, Question, s_timeout, Cancellation).AsTask();
        var id = await ReceiveIdAsync(clientThere);

        // Its own code may ask no more, and others may ask one of its clients.
        Assert.Equal(AskFailure.TooManyQuestions, (await FailsAsync(node.Router.AskAsync(clientThere.Id, Question, s_timeout, Cancellation).AsTask())).Failure);
        var asking = AskAsync(client);
        var otherId = await ReceiveIdAsync(client);
        Assert.Equal(AskFailure.TooManyQuestions, (await FailsAsync(AskAsync(client))).Failure);

        await clientThere.SendAsync($"re:{id}:1");
        await client.SendAsync($"re:{otherId}:2");
        Assert.EndsWith(":1", (await asked).GetText());
        Assert.EndsWith(":2", (await asking).GetText());
    }

    [Fact]
    public async Task Ask_ClientSendsMoreThanMayWait_IsReadNoFurtherUntilTheHandlerGoesOn()
    {
        var finish = new TaskCompletionSource();
        Handle("busy", _ => new(finish.Task));
        await using var client = await ConnectAsync(isHere: true);
        await client.SendAsync("busy");
        await Eventually.TrueAsync(() => _handled.Contains("busy"), "the handler is busy");
        var asking = AskAsync(client);
        var id = await ReceiveIdAsync(client);
        var connection = _here.Hub.Find(client.Id)!;

        for (var i = 0; i < 9; i++)
        {
            await client.SendAsync($"{i}"); // of which 8 may wait
        }

        await client.SendAsync($"re:{id}:behind them");
        await Eventually.TrueAsync(() => connection.WaitingMessages == 8, "as many wait as may");
        await using (var probe = await _here.ConnectAsync())
        {
            await probe.SendAsync("fence"); // the node has had its turn to read on
            await Eventually.TrueAsync(() => _handled.Contains("fence"), "another client is served");
        }

        Assert.Equal(8, connection.WaitingMessages);
        Assert.False(asking.IsCompleted);
        finish.SetResult();
        Assert.EndsWith(":behind them", (await asking.WithinGuardAsync()).GetText());
        await Eventually.TrueAsync(() => _handled.Count == 11, "all have been handled");
        Assert.Equal(Enumerable.Range(0, 9).Select(i => $"{i}"), _handled.Where(static text => text.Length == 1));
    }

    [Fact]
    public async Task Ask_ByTheHandlerAtEachMessageAndByOthersMeanwhile_AnswersAllAndKeepsTheOrderOfMessages()
    {
        await using var node = await StartAsync(options: static options => options.ReadAheadMessages = 1_000);
        await using var client = await node.ConnectAsync();
        node.Probe.OnMessage = async (connection, message, _) =>
        {
            await node.Router.AskAsync(connection.Id, Question, s_timeout, Cancellation);
            _handled.Enqueue(message.GetText());
        };
        using var sending = new SemaphoreSlim(1);
        var answering = AnswerAllAsync();

        var others = Task.WhenAll(AskOftenAsync(_here), AskOftenAsync(_there));
        for (var i = 0; i < 200; i++)
        {
            await SendAsync($"{i}");
        }

        await others.WithinGuardAsync();
        await HandledAsync([.. Enumerable.Range(0, 200).Select(static i => $"{i}")]);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await answering.WithinGuardAsync();

        async Task AskOftenAsync(AppNode from)
        {
            for (var i = 0; i < 50; i++)
            {
                var asked = "";
                var answer = await from.Router.AskAsync(client.Id, id => Question(asked = id), s_timeout, Cancellation);
                Assert.Equal($"re:{asked}:", answer.GetText());
            }
        }

        async Task AnswerAllAsync()
        {
            while (await client.ReceiveAsync() is (WebSocketMessageType.Text, var data))
            {
                await SendAsync($"re:{System.Text.Encoding.UTF8.GetString(data)[4..]}:");
            }
        }

        async Task SendAsync(string text)
        {
            await sending.WaitAsync(Cancellation);
            try
            {
                await client.SendAsync(text);
            }
            finally
            {
                sending.Release();
            }
        }
    }

    [Fact]
    public async Task Ask_ClientVanishesWhileNothingMoreIsRead_FailsAllTheSame()
    {
        var finish = new TaskCompletionSource();
        Handle("busy", _ => new(finish.Task));
        await using var client = await ConnectAsync(isHere: true);
        await client.SendAsync("busy");
        var asking = AskAsync(client);
        await ReceiveIdAsync(client);
        for (var i = 0; i < 9; i++)
        {
            await client.SendAsync($"{i}");
        }

        await Eventually.TrueAsync(() => _here.Hub.Find(client.Id)!.WaitingMessages == 8, "nothing more is read");
        client.Socket.Abort();

        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(2)); // the connection is looked after
                return asking.IsCompleted;
            },
            "the question has ended");
        Assert.Equal(AskFailure.ClientGone, (await FailsAsync(asking)).Failure);
        finish.SetResult();
    }

    [Fact]
    public async Task Ask_CommandComesTwice_ClientIsAskedOnce()
    {
        await using var client = await ConnectAsync(isHere: false);
        _backplane.Records = true;
        var asking = AskAsync(client);
        var id = await ReceiveIdAsync(client);

        var (channel, bytes) = _backplane.Published.Single(static sent => IsQuestion(sent.Payload));
        await _backplane.PublishAsync(channel, bytes, Cancellation);

        await _here.Router.SendToConnectionAsync(client.Id, "fence", Cancellation); // on the same way, and behind it
        Assert.Equal("fence", await client.ReceiveTextAsync());
        await client.SendAsync($"re:{id}:once");
        Assert.EndsWith(":once", (await asking.WithinGuardAsync()).GetText());
    }

    [Fact]
    public async Task Ask_MatcherThrows_MessageGoesToTheHandlerAndAnswersAreFoundAllTheSame()
    {
        await using var client = await ConnectAsync(isHere: true);
        var asking = AskAsync(client);
        var id = await ReceiveIdAsync(client);

        await client.SendAsync("boom");
        await client.SendAsync("boom");
        await client.SendAsync($"re:{id}:fine");

        Assert.EndsWith(":fine", (await asking).GetText());
        await HandledAsync("boom", "boom");
        Assert.Single(_here.Logs.GetSnapshot(), static record => record.Id.Id == 124); // a client can cause it at will
    }

    [Fact]
    public async Task Ask_HubHasNoMatcher_SaysSoAndAsksNobody()
    {
        await using var node = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync();

        foreach (var router in (IWebSocketRouter[])[node.Router, _here.Router])
        {
            var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => router.AskAsync(client.Id, Question, s_timeout, Cancellation).AsTask());
            Assert.Contains("AnswerMatcher", exception.Message);
        }

        await client.SendAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Ask_BadArguments_AreRefusedBeforeAnybodyIsAsked()
    {
        await using var client = await ConnectAsync(isHere: false);
        foreach (var seconds in (double[])[0, -1, 3_601])
        {
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _here.Router.AskAsync(client.Id, Question, TimeSpan.FromSeconds(seconds), Cancellation).AsTask());
        }

        await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.AskAsync("", Question, s_timeout, Cancellation).AsTask());
        await Assert.ThrowsAsync<ArgumentNullException>(() => _here.Router.AskAsync(client.Id, null!, s_timeout, Cancellation).AsTask());
        await Assert.ThrowsAsync<FormatException>(() => _here.Router.AskAsync(client.Id, static _ => throw new FormatException(), s_timeout, Cancellation).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.AskAsync(client.Id, static _ => new(new byte[] { 0xFF }, WebSocketMessageType.Text), s_timeout, Cancellation).AsTask());
        await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.AskAsync(client.Id, static _ => WebSocketMessage.Binary(new byte[16_777_216]), s_timeout, Cancellation).AsTask());
        await client.SendAsync("fence");
        await HandledAsync("fence");
        Assert.False(_there.Hub.Find(client.Id)!.IsAsked);
    }

    [Fact]
    public async Task Ask_AnswerIsLargerThanAnEnvelope_SaysSo()
    {
        await using var node = await StartAsync(options: static options => (options.MaxEnvelopeBytes, options.MaxMessageBytes) = (65_536, 131_072));
        await using var client = await node.ConnectAsync();
        var asking = AskAsync(client);

        await client.SendAsync($"re:{await ReceiveIdAsync(client)}:{new string('x', 70_000)}");

        var exception = await FailsAsync(asking);
        Assert.Equal(AskFailure.NoAnswer, exception.Failure);
        Assert.Contains("MaxEnvelopeBytes", exception.Message);
    }

    private static WebSocketMessage Question(string id) => WebSocketMessage.Text($"ask:{id}");

    private static async Task<string> ReceiveIdAsync(TestClient client)
    {
        var text = await client.ReceiveTextAsync();
        Assert.StartsWith("ask:", text);
        return text[4..];
    }

    private static bool IsQuestion(byte[] payload) =>
        Envelope.Read(payload, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && envelope.Kind == EnvelopeKind.Command
        && envelope.Body().TryReadCommand(out _, out var command) && command.Kind == RemoteCommandKind.Ask;

    private static Task<AskFailedException> FailsAsync(Task asking) => Assert.ThrowsAsync<AskFailedException>(() => asking.WithinGuardAsync());

    [GeneratedRegex("^re:([^:]+):")]
    private static partial Regex AnswerForm();

    private async Task<AppNode> StartAsync(Action<IDistributedWebSocketsBuilder>? build = null, Action<DistributedWebSocketsOptions>? options = null)
    {
        var node = await AppNode.StartAsync(
            _cluster,
            all =>
            {
                all.AnswerMatcher = static message => message.GetText() is var text && text == "boom"
                    ? throw new FormatException("boom")
                    : AnswerForm().Match(text) is { Success: true } match ? match.Groups[1].Value : null;
                (all.MaxOpenQuestionsPerConnection, all.ReadAheadMessages) = (4, 8);
                options?.Invoke(all);
            },
            sockets =>
            {
                sockets.Services.AddSingleton<TimeProvider>(_time);
                build?.Invoke(sockets);
            });
        node.Probe.OnMessage = (_, message, _) =>
        {
            _handled.Enqueue(message.GetText());
            return ValueTask.CompletedTask;
        };
        return node;
    }

    /// <summary>Has the handlers of both nodes do something at a message, and note all others.</summary>
    private void Handle(string? text, Func<WebSocketConnection, ValueTask> action) =>
        _here.Probe.OnMessage = _there.Probe.OnMessage = (connection, message, _) =>
        {
            _handled.Enqueue(message.GetText());
            return message.GetText() == text ? action(connection) : ValueTask.CompletedTask;
        };

    private Task<TestClient> ConnectAsync(bool isHere) => (isHere ? _here : _there).ConnectAsync();

    /// <summary>Asks from the first node.</summary>
    private Task<WebSocketMessage> AskAsync(TestClient client) => _here.Router.AskAsync(client.Id, Question, s_timeout, Cancellation).AsTask();

    /// <summary>Waits until the handlers have had exactly these since the last call, in order.</summary>
    private async Task HandledAsync(params string[] texts)
    {
        await Eventually.TrueAsync(() => _handled.Count >= texts.Length, "the handler has had the messages");
        Assert.Equal(texts, _handled);
        _handled.Clear();
    }
}
