using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Moq;

namespace DistributedSockets.Tests;

/// <summary>Whoever disposes the services need not know that some of them would rather be disposed asynchronously.</summary>
public sealed class DisposalTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public void Provider_EveryServiceResolved_CanBeDisposedSynchronouslyAndTwice()
    {
        var services = new ServiceCollection();
        services.AddDistributedWebSockets();
        var provider = services.BuildServiceProvider();
        var ours = services.Where(static service => service.ServiceType.Assembly.GetName().Name!.StartsWith("DistributedSockets", StringComparison.Ordinal)
            && !service.ServiceType.IsGenericTypeDefinition).Select(static service => service.ServiceType).ToArray();

        Assert.Contains(typeof(IWebSocketRouter), ours);
        Assert.All(ours, type => Assert.NotNull(provider.GetService(type)));
        Assert.NotNull(provider.GetService<IWebSocketRouter<ProbeHandler>>());
        Assert.Single(provider.GetServices<IHostedService>());
        provider.Dispose();
        provider.Dispose();
    }

    [Fact]
    public void Provider_BackplaneAndStoreThatAreOnlyAsyncDisposable_DisposesThemSynchronously()
    {
        var services = new ServiceCollection();
        services.AddSingleton<AsyncOnlyBackplane>();
        services.AddDistributedWebSockets().UseBackplane(static provider => provider.GetRequiredService<AsyncOnlyBackplane>()).UseSessionStore<AsyncOnlyStore>();
        AsyncOnlyBackplane backplane;
        AsyncOnlyStore store;
        using (var provider = services.BuildServiceProvider())
        {
            Assert.Equal("default", provider.GetRequiredService<IWebSocketRouter>().Hub);
            backplane = (AsyncOnlyBackplane)provider.GetRequiredService<IBackplane>();
            store = (AsyncOnlyStore)provider.GetRequiredService<ISessionStore>();
        }

        Assert.True(backplane.IsDisposed); // which takes an await, so it was waited for
        Assert.True(store.IsDisposed);
    }

    [Fact]
    public void Dispose_ThatFails_ThrowsWhatWasThrown()
    {
        using IBackplane none = new AsyncOnlyBackplane();
        IBackplane backplane = new AsyncOnlyBackplane { Failure = new InvalidOperationException("stuck") };

        Assert.Equal("stuck", Assert.Throws<InvalidOperationException>(backplane.Dispose).Message);
    }

    [Fact]
    public void Dispose_OfWhatNeverEnds_ReturnsAllTheSame()
    {
        IBackplane backplane = new AsyncOnlyBackplane { Hangs = true };

        backplane.Dispose();
    }

    [Fact]
    public async Task Host_StartedAndDisposedSynchronouslyInAContextOfOneThread_EndsItsNode()
    {
        var cluster = new InMemoryCluster();
        await using var other = await AppNode.StartAsync(cluster);
        var ended = new TaskCompletionSource();
        var thread = new Thread(() =>
        {
            SynchronizationContext.SetSynchronizationContext(new NeverContext());
            using (var host = Build(cluster))
            {
                host.Start();
            }

            ended.SetResult();
        });

        thread.Start();

        await ended.Task.WithinGuardAsync();
        Assert.Equal(other.Services.GetRequiredService<NodeInfo>().NodeId, Assert.Single(await other.Store.ListNodesAsync(Cancellation)).NodeId);
    }

    [Fact]
    public async Task Provider_OfAStartedNode_DisposedSynchronously_SignsOff()
    {
        var cluster = new InMemoryCluster();
        await using var other = await AppNode.StartAsync(cluster);
        var services = new ServiceCollection();
        services.AddDistributedWebSockets().UseInMemory(cluster);
        using (var provider = services.BuildServiceProvider())
        {
            await ((IHostedLifecycleService)provider.GetServices<IHostedService>().Single()).StartingAsync(Cancellation);
            Assert.Equal(2, (await other.Store.ListNodesAsync(Cancellation)).Count);
        }

        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    [Fact]
    public async Task Host_WithConnectionsOpen_DisposedWithoutStop_CutsThemAndEndsTheirSessions()
    {
        var cluster = new InMemoryCluster();
        await using var other = await AppNode.StartAsync(cluster);
        var node = await AppNode.StartAsync(cluster);
        await using var client = await node.ConnectAsync("u");
        var probe = node.Probe;
        await Eventually.TrueAsync(async () => await other.Store.IsOnlineAsync("probe", "u", Cancellation), "the user is online");

        await node.DisposeAsync().WithinGuardAsync();

        Assert.NotNull(await probe.Disconnected(client.Id).Task.WithinGuardAsync());
        Assert.False(await other.Store.IsOnlineAsync("probe", "u", Cancellation));
        Assert.Single(await other.Store.ListNodesAsync(Cancellation));
    }

    private static IHost Build(InMemoryCluster cluster)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new());
        builder.Services.AddDistributedWebSockets().UseInMemory(cluster);
        return builder.Build();
    }

    /// <summary>The context of a thread that waits and so runs nothing.</summary>
    private sealed class NeverContext : SynchronizationContext
    {
        public override void Post(SendOrPostCallback d, object? state)
        {
        }
    }

    private sealed class AsyncOnlyBackplane : BroadcastBackplane
    {
        public override string System => "async";

        internal bool IsDisposed { get; private set; }

        internal bool Hangs { get; init; }

        internal Exception? Failure { get; init; }

        public override async ValueTask DisposeAsync()
        {
            await (Hangs ? Task.Delay(Timeout.Infinite, CancellationToken.None) : Task.CompletedTask);
            await Task.Yield();
            IsDisposed = Failure is null ? true : throw Failure;
        }

        protected override ValueTask StartTransportAsync(CancellationToken cancellationToken) => default;

        protected override ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken) => default;
    }

    private sealed class AsyncOnlyStore : ISessionStore
    {
        private readonly ISessionStore _inner = Mock.Of<ISessionStore>();

        internal bool IsDisposed { get; private set; }

        public async ValueTask DisposeAsync()
        {
            await Task.Yield();
            IsDisposed = true;
        }

        public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default) => _inner.RenewLeaseAsync(node, expiry, cancellationToken);

        public ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default) => _inner.RemoveNodeAsync(nodeId, cancellationToken);

        public ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default) => _inner.CommitAsync(nodeId, changes, cancellationToken);

        public ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default) => _inner.ResetAsync(nodeId, cancellationToken);

        public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default) =>
            _inner.ClaimExpiredAsync(claimantNodeId, maxSessions, cancellationToken);

        public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) => _inner.FindAsync(hub, connectionId, cancellationToken);

        public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default) => _inner.ListAsync(query, cancellationToken);

        public ValueTask<SessionPage> ListPageAsync(SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default) =>
            _inner.ListPageAsync(query, maxSessions, continuationToken, cancellationToken);

        public ValueTask<GroupPage> ListGroupsAsync(GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default) =>
            _inner.ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);

        public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) => _inner.CountAsync(query, cancellationToken);

        public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) =>
            _inner.AreOnlineAsync(hub, userIds, cancellationToken);

        public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => _inner.ListNodesAsync(cancellationToken);
    }
}
