namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IConnectionTicketStore"/> promises. Derive from it once for each implementation and server.</summary>
public abstract class ConnectionTicketStoreConformanceTests : IAsyncLifetime
{
    private static readonly TimeSpan s_lifetime = TimeSpan.FromMinutes(10);

    private readonly List<IConnectionTicketStore> _stores = [];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Creates the store of one more node. Equal clusters share everything, different ones nothing.</summary>
    /// <param name="cluster">The cluster: letters, digits and hyphens.</param>
    protected abstract IConnectionTicketStore CreateStore(string cluster);

    /// <inheritdoc/>
    public virtual ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync().WithinGuardAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Ticket_OfOneNode_IsTakenWholeAtAnother()
    {
        var (cluster, key) = (NewCluster(), NewKey());
        var ticket = new byte[4_096];
        Random.Shared.NextBytes(ticket);
        var lent = ticket.ToArray();

        await NewStore(cluster).AddAsync(key, lent, s_lifetime, Cancellation).WithinGuardAsync();
        lent.AsSpan().Clear();

        Assert.Equal(ticket, await NewStore(cluster).TakeAsync(key, Cancellation).WithinGuardAsync());
    }

    [Fact]
    public async Task Ticket_TakenByManyAtOnceOnSeveralNodes_IsGivenToOne()
    {
        var cluster = NewCluster();
        IConnectionTicketStore[] stores = [NewStore(cluster), NewStore(cluster), NewStore(cluster)];
        for (var round = 0; round < 10; round++)
        {
            var key = NewKey();
            await stores[0].AddAsync(key, new byte[] { 1, 2, 3 }, s_lifetime, Cancellation).WithinGuardAsync();

            var taken = await Task.WhenAll(Enumerable.Range(0, 12).Select(i => stores[i % stores.Length].TakeAsync(key, Cancellation).WithinGuardAsync()));

            Assert.Equal([1, 2, 3], Assert.Single(taken, static ticket => ticket is not null)!);
            Assert.Null(await stores[1].TakeAsync(key, Cancellation).WithinGuardAsync());
        }
    }

    [Fact]
    public async Task Ticket_NeverAddedOrOfAnotherCluster_IsNone()
    {
        var (cluster, key) = (NewCluster(), NewKey());
        await NewStore(cluster).AddAsync(key, new byte[] { 1 }, s_lifetime, Cancellation).WithinGuardAsync();

        Assert.Null(await NewStore(cluster).TakeAsync(NewKey(), Cancellation).WithinGuardAsync());
        Assert.Null(await NewStore(NewCluster()).TakeAsync(key, Cancellation).WithinGuardAsync());
    }

    /// <summary>A key as they are given out.</summary>
    protected static string NewKey() => $"{Guid.NewGuid():N}-_123456789";

    /// <summary>A cluster that no other test uses.</summary>
    protected static string NewCluster() => $"conformance-{Guid.NewGuid():N}";

    /// <summary>Creates one more store, and disposes it after the test.</summary>
    /// <param name="cluster">The cluster.</param>
    protected IConnectionTicketStore NewStore(string cluster)
    {
        var store = CreateStore(cluster);
        lock (_stores)
        {
            _stores.Add(store);
        }

        return store;
    }
}
