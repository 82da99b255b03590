using System.Net.WebSockets;
using DistributedSockets.Testing;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Session;
using Microsoft.Extensions.DependencyInjection;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>What is asked for of all connections of a user, or of a hub: those of two nodes, and those on their way in.</summary>
public sealed class UserGroupTests : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;
    private readonly TaskCompletionSource _gate = new();
    private string[] _beginsIn = [];
    private Func<Task> _onOpening = static () => Task.CompletedTask;
    private Func<Task> _onAnswering = static () => Task.CompletedTask;
    private AppNode _here = null!; // set by InitializeAsync
    private AppNode _there = null!; // set by InitializeAsync

    public UserGroupTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _here = await AppNode.StartAsync(
            _cluster,
            options =>
            {
                (options.RemoteCommandTimeout, options.MaxGroupsPerConnection) = (TimeSpan.FromMinutes(5), 2);
                options.AddConnectionFilter((context, _) =>
                {
                    context.Groups.UnionWith(_beginsIn);
                    return ValueTask.CompletedTask;
                });
            },
            sockets => sockets.UseBackplane(_ => _backplane),
            app => app.Use((context, next) =>
            {
                var session = new Mock<ISession>();
                session.Setup(static state => state.LoadAsync(It.IsAny<CancellationToken>())).Returns(() => _onOpening());
                context.Features.Set<ISessionFeature>(new SessionFeature { Session = session.Object }); // the last thing that a handshake waits for
                context.Response.OnStarting(() => _onAnswering());
                return next(context);
            }));
        _there = await AppNode.StartAsync(_cluster);
    }

    public async ValueTask DisposeAsync()
    {
        _gate.TrySetResult();
        await _here.DisposeAsync();
        await _there.DisposeAsync();
    }

    [Fact]
    public async Task Remove_WhileAnAddIsBeingPublished_ComesAfterItOnAllNodes()
    {
        await using var first = await _here.ConnectAsync("ann");
        await using var second = await _there.ConnectAsync("ann");
        using ManualResetEventSlim isPublishing = new(), goOn = new();
        var publishes = 0;
        _backplane.FailureOf = channel =>
        {
            if (channel == _here.Hub.UserChannel("ann") && Interlocked.Increment(ref publishes) == 1)
            {
                isPublishing.Set();
                goOn.Wait(Cancellation);
            }

            return null;
        };

        var adding = Task.Run(() => _here.Router.AddUserToGroupAsync("ann", "g", Cancellation).AsTask(), Cancellation);
        isPublishing.Wait(Cancellation);
        Task? removing = null;
        var remover = new Thread(() => removing = _here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation).AsTask());
        remover.Start();
        await Eventually.TrueAsync(() => (remover.ThreadState & (ThreadState.WaitSleepJoin | ThreadState.Stopped)) != 0, "the removal waits, or has overtaken");
        goOn.Set();
        await adding.WithinGuardAsync();
        remover.Join();
        await removing!.WithinGuardAsync();

        await _here.Router.AddUserToGroupAsync("ann", "last", Cancellation);
        await Eventually.TrueAsync(() => _there.Hub.Group("last").Count == 1, "what came before has been done");
        Assert.Equal((0, 0), (_here.Hub.Group("g").Count, _there.Hub.Group("g").Count));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AddAndRemove_UserWithConnectionsOnTwoNodes_ChangesAllOfThemAndNobodyElse(bool fromHere)
    {
        var router = Router(fromHere);
        await using var first = await _here.ConnectAsync("ann");
        await using var second = await _here.ConnectAsync("ann");
        await using var third = await _there.ConnectAsync("ann");
        await using var bob = await _here.ConnectAsync("bob");
        await using var nobody = await _there.ConnectAsync();

        await router.AddUserToGroupAsync("ann", "g", Cancellation);
        await Eventually.TrueAsync(() => _here.Hub.Group("g").Count == 2 && _there.Hub.Group("g").Count == 1, "all have joined");
        Assert.All(_here.Hub.Group("g").Concat(_there.Hub.Group("g")), static connection => Assert.Equal("ann", connection.UserId));

        await router.RemoveUserFromGroupAsync("ann", "g", Cancellation);
        await Eventually.TrueAsync(() => _here.Hub.Group("g").Count + _there.Hub.Group("g").Count == 0, "all have left");

        await router.AddUserToGroupAsync("unknown", "g", Cancellation);
        await router.RemoveUserFromGroupAsync("unknown", "g", Cancellation);
    }

    [Fact]
    public async Task Add_ConnectionsOfThisNode_HaveJoinedWhenItReturns()
    {
        await using var client = await _here.ConnectAsync("ann");

        await _here.Router.AddUserToGroupAsync("ann", "g", Cancellation);
        await _there.Router.SendToGroupAsync("g", "hello", Cancellation);

        Assert.Equal("hello", await client.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Remove_WhileTheJoinOfTheUserWaits_Wins(bool fromHere)
    {
        await using var client = await _here.ConnectAsync("ann");
        _backplane.SubscribeGate = _gate;
        var adding = Router(fromHere).AddUserToGroupAsync("ann", "g", Cancellation).AsTask();
        await Eventually.TrueAsync(() => _backplane.Count($"subscribe {_here.Hub.GroupChannel("g")}") > 0, "the join waits for its channel");

        await Router(fromHere).RemoveUserFromGroupAsync("ann", "g", Cancellation);
        await FenceAsync(client);
        _gate.SetResult();

        await adding.WithinGuardAsync();
        await AssertIsNoMemberAsync();
    }

    [Fact]
    public async Task Add_BeforeARemovalInOneBreath_LeavesNobodyInTheGroup()
    {
        await using var client = await _here.ConnectAsync("ann");
        await using var other = await _there.ConnectAsync("ann");
        var changes = new List<Task>();
        for (var i = 0; i < 20; i++)
        {
            changes.Add(_here.Router.AddUserToGroupAsync("ann", "g", Cancellation).AsTask());
            changes.Add(_here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation).AsTask());
        }

        await Task.WhenAll(changes).WithinGuardAsync();
        await _here.Router.SendToUserAsync("ann", "fence", Cancellation);
        Assert.Equal("fence", await other.ReceiveTextAsync());
        await Eventually.TrueAsync(() => _there.Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(_there.Hub.GroupChannel("g")) == 0, "nobody needs the channel there");
        Assert.Empty(_there.Hub.Group("g"));
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Add_WhileAConnectionIsBeingOpened_JoinsAsSoonAsItIsOpen(bool fromHere)
    {
        await using var open = await _here.ConnectAsync("ann");
        var connecting = await BeginConnectAsync();

        await Router(fromHere).AddUserToGroupAsync("ann", "g", Cancellation);
        await Eventually.TrueAsync(() => _here.Hub.Group("g").Count == 1, "the node has carried it out");
        _gate.SetResult();

        await using var client = await connecting.WithinGuardAsync();
        await Eventually.TrueAsync(() => _here.Hub.Group("g").Count == 2, "the new one has joined, too");
        await _there.Router.SendToGroupAsync("g", "hello", Cancellation);
        Assert.Equal("hello", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task Add_ThenRemoveWhileAConnectionIsBeingOpened_DoesNotJoin()
    {
        var connecting = await BeginConnectAsync();

        await _here.Router.AddUserToGroupAsync("ann", "g", Cancellation);
        await _here.Router.AddUserToGroupAsync("ann", "stays", Cancellation);
        await _here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation);
        _gate.SetResult();

        await using var client = await connecting.WithinGuardAsync();
        await Eventually.TrueAsync(() => _here.Hub.Group("stays").Count == 1, "it has joined the other");
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData("connection")]
    [InlineData("all groups")]
    [InlineData("user")]
    public async Task Add_WhileAConnectionIsBeingOpenedThenRemoveAsItsAnswerGoesOut_DoesNotJoin(string removal)
    {
        _onAnswering = async () =>
        {
            var connection = _here.Hub.User("ann").Single(); // known from now on, and not open yet
            await (removal switch
            {
                "connection" => _here.Router.RemoveFromGroupAsync(connection.Id, "g", Cancellation),
                "all groups" => _here.Router.RemoveFromAllGroupsAsync(connection.Id, Cancellation),
                _ => _here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation),
            });
        };
        var connecting = await BeginConnectAsync();
        await _here.Router.AddUserToGroupAsync("ann", "g", Cancellation);
        _gate.SetResult();

        await using var client = await connecting.WithinGuardAsync();
        await FenceAsync(client);
        await AssertIsNoMemberAsync();
    }

    [Fact]
    public async Task Remove_GroupInWhichAConnectionThatIsBeingOpenedWasToBegin_Wins()
    {
        _beginsIn = ["g", "stays"];
        var connecting = await BeginConnectAsync();

        await _here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation);
        _gate.SetResult();

        await using var client = await connecting.WithinGuardAsync();
        Assert.Single(_here.Hub.Group("stays"));
        await AssertIsNoMemberAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DisconnectGroup_ConnectionBeingOpenedThatIsToJoin_IsClosed(bool begins)
    {
        _beginsIn = begins ? ["g"] : [];
        var connecting = await BeginConnectAsync(readId: false);

        if (!begins)
        {
            await _here.Router.AddUserToGroupAsync("ann", "g", Cancellation);
        }

        await _here.Router.DisconnectGroupAsync("g", (WebSocketCloseStatus)4_001, "closed for tonight", Cancellation);
        _gate.SetResult();

        await using var client = await connecting.WithinGuardAsync();
        Assert.Equal(((WebSocketCloseStatus)4_001, "closed for tonight"), await client.ReceiveCloseAsync());
        await AssertIsNoMemberAsync();
    }

    [Fact]
    public async Task Add_BackplaneIsAway_JoinsTheConnectionsOfThisNodeAndSaysSo()
    {
        await using var client = await _here.ConnectAsync("ann");
        _backplane.Failure = new BackplaneUnavailableException();
        _backplane.Receiver.OnUnavailable(null);

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => _here.Router.AddUserToGroupAsync("ann", "g", Cancellation).AsTask());

        Assert.Single(_here.Hub.Group("g"));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => _here.Router.RemoveUserFromGroupAsync("ann", "g", Cancellation).AsTask());
        Assert.Empty(_here.Hub.Group("g"));
    }

    [Fact]
    public async Task Add_ConnectionIsInAsManyGroupsAsItMay_OthersJoinAndItIsTold()
    {
        await using var full = await _here.ConnectAsync("ann");
        await using var other = await _here.ConnectAsync("ann");
        await _here.Router.AddToGroupAsync(full.Id, "first", Cancellation);
        await _here.Router.AddToGroupAsync(full.Id, "second", Cancellation);

        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => _here.Router.AddUserToGroupAsync("ann", "g", Cancellation).AsTask());
        Assert.Contains("MaxGroupsPerConnection", exception.Message);
        Assert.Equal(other.Id, Assert.Single(_here.Hub.Group("g")).Id);

        await _there.Router.AddUserToGroupAsync("ann", "g", Cancellation); // nobody answers
        await Eventually.TrueAsync(() => _here.Logs.GetSnapshot().Any(static record => record.Id.Id == 123), "it is logged where it happened");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DisconnectAll_OpenAndBeingOpenedOnTwoNodes_ClosesThemAndNoOtherHub(bool fromHere)
    {
        await using var ann = await _here.ConnectAsync("ann");
        await using var nobody = await _here.ConnectAsync();
        await using var bob = await _there.ConnectAsync("bob");
        var connecting = await BeginConnectAsync(user: null, readId: false);
        await _here.Services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("other").DisconnectAllAsync(cancellationToken: Cancellation);

        await Router(fromHere).DisconnectAllAsync((WebSocketCloseStatus)4_004, "closed for good", Cancellation);
        foreach (var client in (TestClient[])[ann, nobody, bob])
        {
            Assert.Equal(((WebSocketCloseStatus)4_004, "closed for good"), await client.ReceiveCloseAsync());
        }

        _gate.SetResult();
        await using var opened = await connecting.WithinGuardAsync();
        Assert.Equal(((WebSocketCloseStatus)4_004, "closed for good"), await opened.ReceiveCloseAsync());
        await using var later = await _here.ConnectAsync("ann"); // the hub is not closed to newcomers
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => _here.Router.DisconnectAllAsync((WebSocketCloseStatus)1_005, cancellationToken: Cancellation).AsTask());
    }

    [Fact]
    public async Task Names_NotOfTheirForm_AreRefused()
    {
        foreach (var name in (string[])["", new('x', 257), "\uD800"])
        {
            await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.AddUserToGroupAsync(name, "g", Cancellation).AsTask());
            await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.AddUserToGroupAsync("ann", name, Cancellation).AsTask());
            await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.RemoveUserFromGroupAsync(name, "g", Cancellation).AsTask());
            await Assert.ThrowsAsync<ArgumentException>(() => _here.Router.RemoveUserFromGroupAsync("ann", name, Cancellation).AsTask());
        }
    }

    private IWebSocketRouter Router(bool here) => here ? _here.Router : _there.Router;

    /// <summary>Begins a handshake at the first node, and returns when it waits for the gate.</summary>
    private async Task<Task<TestClient>> BeginConnectAsync(string? user = "ann", bool readId = true)
    {
        var waits = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        _onOpening = () =>
        {
            waits.TrySetResult();
            return _gate.Task;
        };
        var connecting = TestClient.ConnectAsync(_here.Address, user is null ? "/chat" : $"/chat?u={user}", readId: readId);
        await waits.Task.WithinGuardAsync();
        _onOpening = static () => Task.CompletedTask;
        return connecting;
    }

    private async Task FenceAsync(TestClient client)
    {
        await _there.Router.SendToUserAsync("ann", "fence", Cancellation);
        Assert.Equal("fence", await client.ReceiveTextAsync());
    }

    private async Task AssertIsNoMemberAsync()
    {
        await Eventually.TrueAsync(() => _here.Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(_here.Hub.GroupChannel("g")) == 0, "nobody needs the channel");
        Assert.Empty(_here.Hub.Group("g"));
    }
}
