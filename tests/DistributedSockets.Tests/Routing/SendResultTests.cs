using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Tests;

/// <summary>What a send says of what came of it.</summary>
public sealed class SendResultTests : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly List<TestClient> _clients = [];
    private readonly FakeBackplane _backplane;
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    public SendResultTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await AppNode.StartAsync(_cluster, build: sockets => sockets.UseBackplane(_ => _backplane));
        _there = await AppNode.StartAsync(_cluster);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var client in _clients)
        {
            await client.DisposeAsync();
        }

        await _here.DisposeAsync();
        await _there.DisposeAsync();
    }

    [Fact]
    public async Task Send_OneName_TellsHowManyWereQueuedHereAndWhatTheTransportSawElsewhere()
    {
        await OpenAsync(_here, "both");
        await OpenAsync(_here, "both");
        await OpenAsync(_there, "both");
        await OpenAsync(_here, "near");
        await OpenAsync(_there, "far");

        Assert.Equal((2, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.User("both")));
        Assert.Equal((1, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.User("near"))); // this node's own subscription does not count
        Assert.Equal((0, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.User("far")));
        Assert.Equal((0, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.Group("nobody")));
        Assert.Equal((3, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.All));
    }

    [Fact]
    public async Task Send_TransportDoesNotCount_SaysTakenAndNeverThatNobodyIsThere()
    {
        await OpenAsync(_here, "near");
        _backplane.HidesReceivers = true;

        Assert.Equal((1, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.User("near")));
        Assert.Equal((0, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.User("nobody")));
    }

    [Fact]
    public async Task Send_LastMemberHasLeftAndItsChannelIsStillSubscribed_IsNotTakenForAnotherNode()
    {
        var client = await OpenAsync(_here, "u");
        await _here.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await _here.Router.RemoveFromGroupAsync(client.Id, "g", Cancellation);

        Assert.Equal((0, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.Group("g")));
    }

    [Fact]
    public async Task Send_OneConnection_NeedsOthersOnlyIfItIsTheirs()
    {
        var (near, far) = (await OpenAsync(_here), await OpenAsync(_there));

        Assert.Equal((1, OtherNodesOutcome.NotNeeded), await SendAsync(WebSocketTarget.Connection(near.Id)));
        Assert.Equal((0, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.Connection(far.Id)));
        Assert.Equal((0, OtherNodesOutcome.NotNeeded), await SendAsync(WebSocketTarget.Connection($"{near.Id}x")));
        Assert.Equal((0, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.Connection("gone-node.AAAAAAAAAAAAAAAAAAAAAA")));
        Assert.Equal((0, OtherNodesOutcome.NotNeeded), await SendAsync(WebSocketTarget.Connection("nonsense")));
    }

    [Fact]
    public async Task Send_SeveralNames_TellsTheSumAndTheLeastCertainWord()
    {
        var (near, far) = (await OpenAsync(_here, "near"), await OpenAsync(_there, "far"));
        var other = await OpenAsync(_here, "other");
        foreach (var client in _clients)
        {
            await _here.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        }

        await _here.Router.AddToGroupAsync(near.Id, "blue", Cancellation);

        Assert.Equal((2, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.Users(["near", "other", "nobody"])));
        Assert.Equal((2, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.Users(["near", "far", "other", "nobody"])));
        Assert.Equal((2, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.Groups(["red", "blue"]))); // each connection once
        Assert.Equal((2, OtherNodesOutcome.NotNeeded), await SendAsync(WebSocketTarget.Connections([near.Id, other.Id])));
        Assert.Equal((1, OtherNodesOutcome.Taken), await SendAsync(WebSocketTarget.Connections([near.Id, far.Id, "gone-node.AAAAAAAAAAAAAAAAAAAAAA"])));
        Assert.Equal((1, OtherNodesOutcome.NoSubscriberSeen), await SendAsync(WebSocketTarget.Connections([near.Id, "gone-node.AAAAAAAAAAAAAAAAAAAAAA"])));
        Assert.Equal((0, OtherNodesOutcome.NotNeeded), await SendAsync(WebSocketTarget.Users([])));
    }

    [Fact]
    public async Task Send_PublishesTakeTheirTime_TellsTheSame()
    {
        await OpenAsync(_here, "near");
        await OpenAsync(_there, "far");
        var gate = _backplane.PublishGate = new(TaskCreationOptions.RunContinuationsAsynchronously);

        var sends = new[] { WebSocketTarget.User("near"), WebSocketTarget.Users(["near", "nobody"]), WebSocketTarget.Users(["near", "far"]) }
            .Select(target => SendAsync(target).AsTask()).ToArray();
        Assert.All(sends, static send => Assert.False(send.IsCompleted));
        gate.SetResult();

        (int?, OtherNodesOutcome)[] expected = [(1, OtherNodesOutcome.NoSubscriberSeen), (1, OtherNodesOutcome.NoSubscriberSeen), (1, OtherNodesOutcome.Taken)];
        Assert.Equal(expected, await Task.WhenAll(sends).WithinGuardAsync());
    }

    [Fact]
    public async Task Send_ExcludedOrFull_IsNotCounted()
    {
        await using var node = await AppNode.StartAsync(_cluster, static options =>
        {
            options.OutboundQueueFrames = 1;
            options.SlowConsumerPolicy = SlowConsumerPolicy.DropNewest;
        });
        await using var one = await node.ConnectAsync("u");
        await using var other = await node.ConnectAsync("u");
        var large = WebSocketMessage.Binary(new byte[8 * 1024 * 1024]); // which no kernel takes twice
        Assert.Equal(1, (await SendToOneAsync()).QueuedHere);
        await SendToOneAsync();
        Assert.Equal(0, (await SendToOneAsync()).QueuedHere);

        var result = await node.Router.SendAsync(WebSocketTarget.User("u"), WebSocketMessage.Text("x"), default, Cancellation);
        var without = await node.Router.SendAsync(
            WebSocketTarget.User("u"), WebSocketMessage.Text("x"), new() { ExcludedConnectionIds = [other.Id] }, Cancellation);

        Assert.Equal(1, result.QueuedHere);
        Assert.Equal(0, without.QueuedHere);

        ValueTask<SendResult> SendToOneAsync() => node.Router.SendAsync(WebSocketTarget.Connection(one.Id), large, default, Cancellation);
    }

    [Fact]
    public async Task Send_BackplaneAway_ExceptionTellsHowManyWereQueuedHere()
    {
        var (near, far) = (await OpenAsync(_here, "u"), await OpenAsync(_there, "u"));
        await OpenAsync(_here, "v");
        _backplane.Failure = new BackplaneRefusedException("no permission");

        Assert.Equal(2, (await FailAsync<BackplaneRefusedException>(WebSocketTarget.All)).QueuedHere);
        _backplane.Failure = new BackplaneUnavailableException("away", new IOException("reset"));
        var exception = await FailAsync<BackplaneUnavailableException>(WebSocketTarget.User("u"));
        Assert.Equal((1, "away"), (exception.QueuedHere, exception.Message));
        Assert.IsType<IOException>(exception.InnerException);
        Assert.Equal(2, (await FailAsync<BackplaneUnavailableException>(WebSocketTarget.Users(["u", "v"]))).QueuedHere);
        Assert.Equal(1, (await FailAsync<BackplaneUnavailableException>(WebSocketTarget.Connections([near.Id, far.Id]))).QueuedHere);
        Assert.Equal(0, (await FailAsync<BackplaneUnavailableException>(WebSocketTarget.Connection(far.Id))).QueuedHere);
        var join = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _here.Router.AddToGroupAsync(far.Id, "g", Cancellation));
        Assert.Null(join.QueuedHere); // it was no send

        async Task<T> FailAsync<T>(WebSocketTarget target)
            where T : BackplaneUnavailableException => await Assert.ThrowsAsync<T>(async () => await SendAsync(target));
    }

    [Fact]
    public async Task Send_ShortForms_SendWhatTheLongOnesDo()
    {
        var (near, far) = (await OpenAsync(_here, "u"), await OpenAsync(_there, "u"));
        foreach (var client in _clients)
        {
            await _here.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        }

        IWebSocketRouter router = _here.Router;
        await router.SendToAllAsync(WebSocketMessage.Text("1"), Cancellation);
        await router.SendToUserAsync("u", "2", Cancellation);
        await router.SendToGroupAsync("g", 3, Cancellation);
        await router.SendToGroupAsync("g", new byte[] { (byte)'4' }, Cancellation);
        await router.SendToUserAsync("u", new ReadOnlyMemory<byte>("5"u8.ToArray()), Cancellation);
        await router.SendAsync(WebSocketTarget.Users(["u"]), new SendSuite.Alert("x", 6), AlertJson.Default.Alert, Cancellation);
        await router.SendToAllAsync(new SendSuite.Alert("x", 7), Cancellation);
        await router.SendToConnectionAsync(near.Id, "8", Cancellation);
        await router.SendToConnectionAsync(far.Id, "8", Cancellation);

        string[] expected = ["1", "2", "3", "4", "5", """{"Title":"x","Level":6}""", """{"title":"x","level":7}""", "8"];
        foreach (var client in _clients)
        {
            foreach (var text in expected)
            {
                Assert.Equal(text, System.Text.Encoding.UTF8.GetString((await client.ReceiveAsync()).Data));
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(2_147_483_648)]
    public void TimeToLive_OutOfItsRange_IsRefused(long milliseconds)
    {
        var exception = Assert.Throws<ArgumentOutOfRangeException>(() => new SendOptions { TimeToLive = TimeSpan.FromMilliseconds(milliseconds) });
        Assert.Contains("1 millisecond to 24 days", exception.Message);
    }

    [Fact]
    public async Task Options_BadOnes_AreRefusedWithAReasonAndNothingIsSent()
    {
        var client = await OpenAsync(_here);
        var tooLong = await FailAsync(new() { ConflationKey = new('k', 257) });
        var empty = await FailAsync(new() { ConflationKey = "" });
        var excluded = await FailAsync(new() { ExcludedConnectionIds = [new('x', 1_000)] });
        Assert.Contains("A conflation key has 257 bytes", tooLong.Message);
        Assert.Contains("A conflation key is empty", empty.Message);
        Assert.Contains("1000 characters", excluded.Message);

        await _here.Router.SendAsync(WebSocketTarget.All, "next", new SendOptions { ConflationKey = new('k', 256) }, cancellationToken: Cancellation);
        Assert.Equal("next", await client.ReceiveTextAsync());

        async Task<ArgumentException> FailAsync(SendOptions options) => await Assert.ThrowsAsync<ArgumentException>(
            async () => await _here.Router.SendAsync(WebSocketTarget.All, WebSocketMessage.Text("x"), options, Cancellation));
    }

    [Fact]
    public async Task Router_OfAHandler_PassesEveryMemberOnAndAStandInNeedsOnlyTheSends()
    {
        foreach (var router in new IWebSocketRouter[] { _here.Router, _here.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("probe") })
        {
            var map = router.GetType().GetInterfaceMap(typeof(IWebSocketRouter));
            Assert.All(map.TargetMethods, method => Assert.Equal(router.GetType(), method.DeclaringType));
        }

        IWebSocketRouter standIn = new StandIn();
        await standIn.SendToUserAsync("u", "hello", Cancellation);
        var exception = await Assert.ThrowsAsync<NotSupportedException>(async () => await standIn.AddToGroupAsync("c", "g", Cancellation));
        Assert.Contains("AddToGroupAsync", exception.Message);
    }

    private async Task<TestClient> OpenAsync(AppNode node, string? user = null)
    {
        var client = await node.ConnectAsync(user);
        _clients.Add(client);
        return client;
    }

    private async ValueTask<(int?, OtherNodesOutcome)> SendAsync(WebSocketTarget target)
    {
        var result = await _here.Router.SendAsync(target, WebSocketMessage.Text("x"), default, Cancellation);
        return (result.QueuedHere, result.OtherNodes);
    }

    private sealed class StandIn : IWebSocketRouter
    {
        public string Hub => "stand-in";

        public ValueTask<SendResult> SendAsync(
            WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken = default) => default;

        public ValueTask<SendResult> SendAsync<T>(
            WebSocketTarget target,
            T value,
            SendOptions options,
            System.Text.Json.Serialization.Metadata.JsonTypeInfo<T>? jsonTypeInfo = null,
            CancellationToken cancellationToken = default) => default;
    }
}
