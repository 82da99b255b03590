using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Commands that nobody takes or answers: what may be said of a connection whose node cannot be reached.</summary>
public sealed class UnreachableNodeTests : IAsyncLifetime
{
    private readonly InMemoryCluster _cluster = new();
    private readonly FakeBackplane _backplane;
    private AppNode _there = null!; // set by InitializeAsync
    private TestClient _client = null!; // set by InitializeAsync

    public UnreachableNodeTests() => _backplane = new(_cluster);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _there = await AppNode.StartAsync(_cluster, static options =>
        {
            options.UnsubscribeDelay = TimeSpan.Zero;
            (options.HeartbeatInterval, options.LeaseExpiry) = (TimeSpan.FromMinutes(5), TimeSpan.FromHours(1)); // a lease that is taken from it stays away
        });
        _client = await _there.ConnectAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _client.DisposeAsync();
        await _there.DisposeAsync();
    }

    [Fact]
    public async Task Command_NobodyListensButTheNodeHoldsItsLease_SaysThatItIsCutOff()
    {
        await using var here = await StartAsync();
        _backplane.IsDeaf = static channel => channel.Contains(":node:", StringComparison.Ordinal);

        foreach (var command in Commands(here))
        {
            var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await command());
            Assert.Contains("lives", exception.Message);
            Assert.Contains(_client.Id, exception.Message);
        }

        _backplane.IsDeaf = null;
        await here.Router.AddToGroupAsync(_client.Id, "g", Cancellation);
        Assert.Single(_there.Hub.Group("g"));
    }

    [Theory]
    [InlineData("fails")]
    [InlineData("hangs")]
    [InlineData("knows this node alone")]
    public async Task Command_NobodyListensAndTheStoreCannotTell_SaysSo(string failure)
    {
        var store = new Mock<ISessionStore>();
        store.Setup(s => s.RenewLeaseAsync(It.IsAny<NodeInfo>(), It.IsAny<TimeSpan>(), It.IsAny<CancellationToken>())).ReturnsAsync(true);
        store.Setup(s => s.ClaimExpiredAsync(It.IsAny<string>(), It.IsAny<int>(), It.IsAny<CancellationToken>())).ReturnsAsync([]);
        Func<ValueTask<IReadOnlyList<NodeInfo>>> list = static () => new([]); // else the start would wait for it
        store.Setup(s => s.ListNodesAsync(It.IsAny<CancellationToken>())).Returns(() => list());
        var own = new InMemorySessionStore(new(), Microsoft.Extensions.Options.Options.Create(new DistributedWebSocketsClusterOptions()));
        var time = new FakeTimeProvider();
        await using var here = await StartAsync(sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(time);
            sockets.UseSessionStore(_ => failure == "knows this node alone" ? own : store.Object);
        });
        list = () => failure == "fails"
            ? ValueTask.FromException<IReadOnlyList<NodeInfo>>(new SessionStoreUnavailableException())
            : new(new TaskCompletionSource<IReadOnlyList<NodeInfo>>().Task);
        _backplane.IsDeaf = static channel => channel.Contains(":node:", StringComparison.Ordinal);

        foreach (var command in Commands(here))
        {
            var running = command();
            await Eventually.TrueAsync(
                () =>
                {
                    time.Advance(TimeSpan.FromSeconds(1)); // a store that hangs has its time
                    return running.IsCompleted;
                },
                "the command has ended");
            var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => running);
            Assert.Contains("cannot tell", exception.Message);
        }
    }

    [Fact]
    public async Task Command_NobodyListensAndTheNodeHoldsNoLease_IsNotFound()
    {
        await using var here = await StartAsync();
        await here.Store.RemoveNodeAsync(NodeId(_there), Cancellation);
        _backplane.IsDeaf = static channel => channel.Contains(":node:", StringComparison.Ordinal);
        await using var third = await AppNode.StartAsync(_cluster);

        foreach (var command in Commands(here))
        {
            await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await command());
        }
    }

    [Fact]
    public async Task Command_ConnectionWasTheLastOfItsNode_IsAnsweredByIt()
    {
        await using var here = await StartAsync();
        await _client.DisposeAsync();
        await Eventually.TrueAsync(() => _there.Hub.Count == 0, "the connection has ended");
        var subscriptions = _there.Services.GetRequiredService<ChannelSubscriptions>();
        await Eventually.TrueAsync(() => subscriptions.CountNeeded(_there.Hub.AllChannel) == 0, "its channels are not needed");
        await subscriptions.ReconcileAsync();

        foreach (var command in Commands(here))
        {
            await Assert.ThrowsAsync<ConnectionNotFoundException>(async () => await command());
        }
    }

    [Fact]
    public async Task Command_NotCountedAndNotFound_WasNeverSent()
    {
        await using var here = await StartAsync(configure: static options => options.RemoteCommandTimeout = TimeSpan.FromMinutes(5));
        await using var third = await AppNode.StartAsync(_cluster);
        await here.Store.RemoveNodeAsync(NodeId(_there), Cancellation);
        _backplane.Records = true;
        _backplane.Swallow = true;

        foreach (var command in Commands(here))
        {
            await Assert.ThrowsAsync<ConnectionNotFoundException>(() => command().WithinGuardAsync());
        }

        // What has been sent may arrive late, when its sender has been told that there is no such connection.
        Assert.All(SentCommands(), static kind => Assert.Equal(RemoteCommandKind.Find, kind));
        Assert.Empty(_there.Hub.Group("g"));
    }

    [Fact]
    public async Task Command_NotCountedAndTheNodeLives_IsSentWithoutAsking()
    {
        await using var here = await StartAsync();
        _backplane.HidesReceivers = true;
        await here.Router.AddToGroupAsync(_client.Id, "first", Cancellation);
        _backplane.Records = true;
        for (var i = 0; i < 10; i++)
        {
            await here.Router.AddToGroupAsync(_client.Id, $"g{i}", Cancellation);
        }

        Assert.Equal(Enumerable.Repeat(RemoteCommandKind.AddToGroup, 10), SentCommands());
    }

    [Fact]
    public async Task Command_NotCountedAndTheStoreHangs_IsCarriedOutAsSoonAsTheNodeAnswers()
    {
        var store = new Mock<ISessionStore>();
        store.Setup(s => s.RenewLeaseAsync(It.IsAny<NodeInfo>(), It.IsAny<TimeSpan>(), It.IsAny<CancellationToken>())).ReturnsAsync(true);
        store.Setup(s => s.ClaimExpiredAsync(It.IsAny<string>(), It.IsAny<int>(), It.IsAny<CancellationToken>())).ReturnsAsync([]);
        Func<ValueTask<IReadOnlyList<NodeInfo>>> list = static () => new([]); // else the start would wait for it
        store.Setup(s => s.ListNodesAsync(It.IsAny<CancellationToken>())).Returns(() => list());
        await using var here = await StartAsync(sockets =>
        {
            sockets.Services.AddSingleton<TimeProvider>(new FakeTimeProvider()); // nothing that waits for the store comes to its end
            sockets.UseSessionStore(_ => store.Object);
        });
        list = static () => new(new TaskCompletionSource<IReadOnlyList<NodeInfo>>().Task);
        _backplane.HidesReceivers = true;

        await here.Router.AddToGroupAsync(_client.Id, "g", Cancellation).AsTask().WithinGuardAsync();

        Assert.Single(_there.Hub.Group("g"));
    }

    private static string NodeId(AppNode node) => node.Services.GetRequiredService<NodeInfo>().NodeId;

    private Task<AppNode> StartAsync(Action<IDistributedWebSocketsBuilder>? build = null, Action<DistributedWebSocketsOptions>? configure = null) =>
        AppNode.StartAsync(_cluster, configure, sockets =>
        {
            sockets.UseBackplane(_ => _backplane);
            build?.Invoke(sockets);
        });

    private Func<Task>[] Commands(AppNode from) =>
    [
        () => from.Router.AddToGroupAsync(_client.Id, "g", Cancellation).AsTask(),
        () => from.Router.RemoveFromGroupAsync(_client.Id, "g", Cancellation).AsTask(),
        () => from.Router.RemoveFromAllGroupsAsync(_client.Id, Cancellation).AsTask(),
        () => from.Router.DisconnectAsync(_client.Id, cancellationToken: Cancellation).AsTask(),
    ];

    private List<RemoteCommandKind> SentCommands()
    {
        var kinds = new List<RemoteCommandKind>();
        foreach (var (_, payload) in _backplane.Published)
        {
            if (Envelope.Read(payload, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && envelope.Kind == EnvelopeKind.Command && envelope.Body().TryReadCommand(out _, out var command))
            {
                kinds.Add(command.Kind);
            }
        }

        return kinds;
    }
}
