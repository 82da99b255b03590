using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>Joins that wait for their channel, and what takes them back meanwhile: asked for at the connection's node, or at another one.</summary>
public sealed class JoinOrderTests : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;
    private readonly FakeBackplane _others;
    private AppNode _node = null!; // set by InitializeAsync
    private AppNode _other = null!; // set by InitializeAsync
    private TestClient _client = null!; // set by InitializeAsync
    private readonly TaskCompletionSource _gate = new();

    public JoinOrderTests() => (_backplane, _others) = (new(_cluster), new(_cluster));

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _node = await AppNode.StartAsync(
            _cluster, static options => options.RemoteCommandTimeout = TimeSpan.FromMinutes(5), sockets => sockets.UseBackplane(_ => _backplane));
        _other = await AppNode.StartAsync(
            _cluster, static options => options.RemoteCommandTimeout = TimeSpan.FromMinutes(5), sockets => sockets.UseBackplane(_ => _others));
        _client = await _node.ConnectAsync();
        _backplane.SubscribeGate = _gate;
    }

    public async ValueTask DisposeAsync()
    {
        _gate.TrySetResult();
        await _client.DisposeAsync();
        await _node.DisposeAsync();
        await _other.DisposeAsync();
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task Remove_WhileTheJoinWaits_Wins(bool joinHere, bool removeHere)
    {
        var join = await BeginJoinAsync(joinHere);

        await Router(removeHere).RemoveFromGroupAsync(_client.Id, "g", Cancellation);
        _gate.SetResult();

        await join.WithinGuardAsync(); // it came first
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RemoveFromAll_WhileAJoinWaits_Wins(bool here)
    {
        var join = await BeginJoinAsync(here);

        await Router(here).RemoveFromAllGroupsAsync(_client.Id, Cancellation);
        _gate.SetResult();

        await join.WithinGuardAsync();
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Disconnect_WhileAJoinWaits_Wins(bool here)
    {
        var join = await BeginJoinAsync(here);

        await Router(here).DisconnectAsync(_client.Id, cancellationToken: Cancellation);

        await Assert.ThrowsAsync<ConnectionNotFoundException>(() => join.WithinGuardAsync()); // also without its channel
        _gate.SetResult();
        await AssertIsNoMemberAsync();
    }

    [Fact]
    public async Task DisconnectGroup_WhileAJoinWaits_ClosesTheConnectionThatJoins()
    {
        var join = await BeginJoinAsync(here: true);

        await _node.Router.DisconnectGroupAsync("g", (WebSocketCloseStatus)4001, "closed for tonight", Cancellation);

        await Assert.ThrowsAsync<ConnectionNotFoundException>(() => join.WithinGuardAsync());
        Assert.Equal(((WebSocketCloseStatus)4001, "closed for tonight"), await _client.ReceiveCloseAsync());
        _gate.SetResult();
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DisconnectUser_WhileAsManyJoinsWaitAsMay_IsCarriedOut(bool ofTheUser)
    {
        _backplane.SubscribeGate = null;
        await using var client = await _node.ConnectAsync("ann");
        _backplane.SubscribeGate = _gate;
        for (var i = 0; i < 4_200; i++)
        {
            var join = ofTheUser ? _other.Router.AddUserToGroupAsync("ann", $"g{i}", Cancellation) : _other.Router.AddToGroupAsync(client.Id, $"g{i}", Cancellation);
            join.AsTask().Observe(); // they fail: the connection ends, and some are dropped
        }

        await Eventually.TrueAsync(() => _node.Logs.GetSnapshot().Any(static record => record.Id.Id == 120), "a join too many is dropped");

        await _other.Router.DisconnectUserAsync("ann", (WebSocketCloseStatus)4003, "banned", Cancellation);

        Assert.Equal(((WebSocketCloseStatus)4003, "banned"), await client.ReceiveCloseAsync());
    }

    [Fact]
    public async Task Drain_WhileAJoinWaits_Wins()
    {
        var join = await BeginJoinAsync(here: true);

        var stop = _node.StopAsync();
        await Assert.ThrowsAsync<ConnectionNotFoundException>(() => join.WithinGuardAsync());
        Assert.Empty(_node.Hub.Group("g"));

        _gate.SetResult();
        await _client.ReceiveCloseAsync();
        await stop.WithinGuardAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancel_WhileTheJoinWaits_TakesItBack(bool here)
    {
        using var cancelling = new CancellationTokenSource();
        var join = await BeginJoinAsync(here, cancelling.Token);

        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => join.WithinGuardAsync());
        await PassAsync();
        _gate.SetResult();

        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Cancel_WhileAnotherCallerWaitsForTheSame_LeavesTheJoinToThatOne(bool otherIsHere)
    {
        using var cancelling = new CancellationTokenSource();
        var cancelled = await BeginJoinAsync(here: true, cancelling.Token);
        var other = await BeginJoinAsync(otherIsHere);
        await PassAsync();

        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled.WithinGuardAsync());
        _gate.SetResult();

        await other.WithinGuardAsync();
        Assert.Single(_node.Hub.Group("g"));
        await Eventually.TrueAsync(() => CountNeeded() == 1, "the channel is needed once");
    }

    [Fact]
    public async Task Cancel_OfTheLastOfTwoCallers_TakesTheJoinBack()
    {
        using var cancelling = new CancellationTokenSource();
        Task[] joins = [await BeginJoinAsync(here: true, cancelling.Token), await BeginJoinAsync(here: true, cancelling.Token)];

        await cancelling.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Task.WhenAll(joins).WithinGuardAsync());
        _gate.SetResult();

        await AssertIsNoMemberAsync();
    }

    [Fact]
    public async Task Join_TimedOutForItsCaller_IsTakenBack()
    {
        var time = new FakeTimeProvider();
        await using var impatient = await AppNode.StartAsync(_cluster, build: sockets => sockets.Services.AddSingleton<TimeProvider>(time));
        var join = impatient.Router.AddToGroupAsync(_client.Id, "g", Cancellation).AsTask();
        await Eventually.TrueAsync(() => _backplane.Count($"subscribe {_node.Hub.GroupChannel("g")}") > 0, "the join has come");

        await Eventually.TrueAsync(
            () =>
            {
                time.Advance(TimeSpan.FromSeconds(5)); // more than once, as the wait may just be about to begin
                return join.IsCompleted;
            },
            "it gives up");
        await Assert.ThrowsAsync<RemoteCommandTimeoutException>(() => join.WithinGuardAsync());
        await impatient.Router.RemoveFromGroupAsync(_client.Id, "never joined", Cancellation); // what was sent before it has come
        _gate.SetResult();

        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task JoinLeaveJoin_AllInFlight_EndsAsMember(bool here)
    {
        var first = await BeginJoinAsync(here);
        var leave = Router(here).RemoveFromGroupAsync(_client.Id, "g", Cancellation).AsTask();
        var second = Router(here).AddToGroupAsync(_client.Id, "g", Cancellation).AsTask();
        await PassAsync();
        _gate.SetResult();

        await Task.WhenAll(first, leave, second).WithinGuardAsync();
        Assert.Single(_node.Hub.Group("g"));
        await Eventually.TrueAsync(() => CountNeeded() == 1, "the channel is needed once");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Commands_BeforeTheAskersOwnChannel_AreSentInTheirOrder(bool endsAsMember)
    {
        _gate.SetResult();
        _backplane.SubscribeGate = null;
        var gate = _others.SubscribeGate = new(); // the first commands of a process with no connections wait for the channel of the answers
        var commands = new List<Task>();
        for (var i = 0; i < 20; i++)
        {
            commands.Add(_other.Router.AddToGroupAsync(_client.Id, "g", Cancellation).AsTask());
            commands.Add(_other.Router.RemoveFromGroupAsync(_client.Id, "g", Cancellation).AsTask());
        }

        if (endsAsMember)
        {
            commands.Add(_other.Router.AddToGroupAsync(_client.Id, "g", Cancellation).AsTask());
        }

        Assert.DoesNotContain(commands, static command => command.IsCompleted);
        gate.SetResult();

        await Task.WhenAll(commands).WithinGuardAsync();
        Assert.Equal(endsAsMember ? 1 : 0, _node.Hub.Group("g").Count());
        await Eventually.TrueAsync(() => CountNeeded() == (endsAsMember ? 1 : 0), "joins that were taken back need no channel any more");
    }

    [Fact]
    public async Task Join_RefusedForAllWhoWait_LeavesNothingBehind()
    {
        Task[] joins = [await BeginJoinAsync(here: true), await BeginJoinAsync(here: true), await BeginJoinAsync(here: false)];
        await PassAsync();

        _gate.SetException(new BackplaneRefusedException("no permission"));

        foreach (var join in joins)
        {
            await Assert.ThrowsAsync<BackplaneRefusedException>(() => join.WithinGuardAsync());
        }

        await AssertIsNoMemberAsync();
        _backplane.SubscribeGate = null;
        await _node.Router.AddToGroupAsync(_client.Id, "g", Cancellation);
        Assert.Single(_node.Hub.Group("g"));
    }

    [Fact]
    public async Task Join_BackplaneFailsForAllWhoWait_HoldsOnceAndIsBroughtToTheClusterLater()
    {
        Task[] joins = [await BeginJoinAsync(here: true), await BeginJoinAsync(here: true), await BeginJoinAsync(here: false)];
        await PassAsync();

        _gate.SetException(new IOException("cut"));
        await Task.WhenAll(joins).WithinGuardAsync();

        Assert.Single(_node.Hub.Group("g"));
        Assert.Equal(1, CountNeeded());
        _backplane.SubscribeGate = null;
        var received = _client.ReceiveTextAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                await _other.Router.SendToGroupAsync("g", "from elsewhere", Cancellation);
                return received.IsCompleted;
            },
            "the group is reached from elsewhere");
        Assert.Equal("from elsewhere", await received);
    }

    private IWebSocketRouter Router(bool here) => here ? _node.Router : _other.Router;

    private int CountNeeded() => _node.Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(_node.Hub.GroupChannel("g"));

    /// <summary>Begins a join and returns when the channel is being subscribed for it.</summary>
    private async Task<Task> BeginJoinAsync(bool here, CancellationToken? cancellationToken = null)
    {
        var join = Router(here).AddToGroupAsync(_client.Id, "g", cancellationToken ?? Cancellation).AsTask();
        await Eventually.TrueAsync(() => _backplane.Count($"subscribe {_node.Hub.GroupChannel("g")}") > 0, "the channel is being subscribed");
        return join;
    }

    /// <summary>Returns when the connection's node has taken all that the other one sent before.</summary>
    private async Task PassAsync() => await _other.Router.RemoveFromGroupAsync(_client.Id, "never joined", Cancellation);

    private async Task AssertIsNoMemberAsync()
    {
        await Eventually.TrueAsync(() => CountNeeded() == 0, "nobody needs the channel");
        Assert.Empty(_node.Hub.Group("g"));
    }
}
