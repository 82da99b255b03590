namespace DistributedSockets.Testing;

/// <summary>What the suites of session stores share: stores that are made here are disposed here.</summary>
public abstract class SessionStoreSuite : IAsyncLifetime
{
    /// <summary>The hub that most tests use.</summary>
    protected const string Hub = "chat";

    /// <summary>A lease that does not run out while a test runs.</summary>
    protected static readonly TimeSpan LongLease = TimeSpan.FromMinutes(10);

    private static readonly Dictionary<string, string> NoProperties = [];

    private readonly List<ISessionStore> _stores = [];

    /// <summary>A cluster that no other test uses.</summary>
    protected string Cluster { get; } = $"conformance-{Guid.NewGuid():N}";

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Creates the store of one more node or worker. Equal clusters share everything, different ones nothing.</summary>
    /// <param name="cluster">The cluster: letters, digits and hyphens.</param>
    protected abstract ISessionStore CreateStore(string cluster);

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

    /// <summary>Creates one more store, and disposes it after the test.</summary>
    /// <param name="cluster">The cluster; this test's own unless given.</param>
    protected ISessionStore NewStore(string? cluster = null)
    {
        var store = CreateStore(cluster ?? Cluster);
        lock (_stores)
        {
            _stores.Add(store);
        }

        return store;
    }

    /// <summary>A node with an id of its own, without a lease.</summary>
    /// <param name="name">Its name.</param>
    protected static NodeInfo NewNode(string name = "web") =>
        new() { NodeId = $"n{Guid.NewGuid():N}"[..17], Name = name, StartedAt = new DateTimeOffset(2031, 2, 3, 4, 5, 6, TimeSpan.Zero).AddTicks(1_234_567) };

    /// <summary>A session with an id of its own, of the hub <see cref="Hub"/>.</summary>
    /// <param name="node">Its node.</param>
    /// <param name="user">Its user.</param>
    /// <param name="groups">Its groups.</param>
    protected static Session NewSession(NodeInfo node, string? user, string[]? groups = null) => new()
    {
        Hub = Hub,
        NodeId = node.NodeId,
        ConnectionId = $"{node.NodeId}.{Guid.NewGuid():N}",
        UserId = user,
        ConnectedAt = new DateTimeOffset(2032, 3, 4, 5, 6, 7, TimeSpan.Zero).AddTicks(7_654_321),
        Groups = groups ?? [],
    };

    /// <summary>A new store and a new node with a long lease.</summary>
    protected async Task<(ISessionStore Store, NodeInfo Node)> NewLiveNodeAsync()
    {
        var (store, node) = (NewStore(), NewNode());
        await store.RenewLeaseAsync(node, LongLease, Cancellation);
        return (store, node);
    }

    /// <summary>Commits changes of a node.</summary>
    /// <param name="store">A store.</param>
    /// <param name="node">The node.</param>
    /// <param name="changes">The changes.</param>
    protected static Task CommitAsync(ISessionStore store, NodeInfo node, params SessionChange[] changes) =>
        store.CommitAsync(node.NodeId, changes, Cancellation).WithinGuardAsync();

    /// <summary>All sessions that a query finds.</summary>
    /// <param name="store">A store.</param>
    /// <param name="query">The query.</param>
    protected static async Task<List<Session>> ListAsync(ISessionStore store, SessionQuery query)
    {
        return await ListAllAsync().WithinGuardAsync();

        async Task<List<Session>> ListAllAsync()
        {
            var sessions = new List<Session>();
            await foreach (var session in store.ListAsync(query, Cancellation))
            {
                sessions.Add(session);
            }

            return sessions;
        }
    }

    /// <summary>The pages of all sessions that a query finds.</summary>
    /// <param name="store">A store.</param>
    /// <param name="query">The query.</param>
    /// <param name="pageSize">How many sessions to ask for at once.</param>
    /// <param name="between">What happens between two pages.</param>
    protected static async Task<List<IReadOnlyList<Session>>> ListPagesAsync(ISessionStore store, SessionQuery query, int pageSize, Func<Task>? between = null)
    {
        var pages = new List<IReadOnlyList<Session>>();
        string? next = null;
        do
        {
            var page = await store.ListPageAsync(query, pageSize, next, Cancellation).WithinGuardAsync();
            Assert.InRange(page.Sessions.Count, page.ContinuationToken is null ? 0 : pageSize, pageSize);
            Assert.True(pages.Count < 10_000, "The pages do not end.");
            pages.Add(page.Sessions);
            next = page.ContinuationToken;
            if (next is not null)
            {
                await (between?.Invoke() ?? Task.CompletedTask);
            }
        }
        while (next is not null);

        return pages;
    }

    /// <summary>The pages of all groups that a query finds, as texts of name and size.</summary>
    /// <param name="store">A store.</param>
    /// <param name="query">The query.</param>
    /// <param name="pageSize">How many groups to ask for at once.</param>
    /// <param name="between">What happens between two pages.</param>
    protected static async Task<List<string[]>> ListGroupPagesAsync(ISessionStore store, GroupQuery query, int pageSize, Func<Task>? between = null)
    {
        var pages = new List<string[]>();
        string? next = null;
        do
        {
            var page = await store.ListGroupsAsync(query, pageSize, next, Cancellation).WithinGuardAsync();
            Assert.InRange(page.Groups.Count, page.ContinuationToken is null ? 0 : pageSize, pageSize);
            Assert.True(pages.Count < 10_000, "The pages do not end.");
            pages.Add([.. page.Groups.Select(static group => $"{group.Group}: {group.Connections}")]);
            next = page.ContinuationToken;
            if (next is not null)
            {
                await (between?.Invoke() ?? Task.CompletedTask);
            }
        }
        while (next is not null);

        return pages;
    }

    /// <summary>All groups that a query finds, as texts of name and size, in the order listed.</summary>
    /// <param name="store">A store.</param>
    /// <param name="query">The query; by name unless given.</param>
    protected static async Task<string[]> ListGroupsAsync(ISessionStore store, GroupQuery? query = null) =>
        [.. (await ListGroupPagesAsync(store, query ?? GroupQuery.ByName(Hub), 100)).SelectMany(static page => page)];

    /// <summary>Asserts that two sessions are equal, whatever the order of their groups.</summary>
    /// <param name="expected">The session as it was written.</param>
    /// <param name="actual">The session as it was read.</param>
    protected static void AssertSame(Session expected, Session? actual)
    {
        Assert.NotNull(actual);
        Assert.Equal(expected.Groups.Order(StringComparer.Ordinal), actual.Groups.Order(StringComparer.Ordinal));
        Assert.Equal(expected.Properties.OrderBy(static pair => pair.Key, StringComparer.Ordinal), actual.Properties.OrderBy(static pair => pair.Key, StringComparer.Ordinal));
        Assert.Equal(expected with { Groups = [], Properties = NoProperties }, actual with { Groups = [], Properties = NoProperties });
    }

    /// <summary>Asserts that no query shows a session.</summary>
    /// <param name="store">A store.</param>
    /// <param name="session">The session.</param>
    protected static async Task AssertUnseenAsync(ISessionStore store, Session session)
    {
        Assert.Null(await store.FindAsync(session.Hub, session.ConnectionId, Cancellation));
        foreach (var query in QueriesOf(session))
        {
            Assert.DoesNotContain(await ListAsync(store, query), listed => listed.ConnectionId == session.ConnectionId);
        }

        foreach (var query in QueriesOf(session).Where(query => query is { UserId: not null, Group: null }))
        {
            Assert.Equal((await ListAsync(store, query)).Count, await store.CountAsync(query, Cancellation));
            Assert.Equal(await store.CountAsync(query, Cancellation) > 0, await store.IsOnlineAsync(session.Hub, query.UserId!, Cancellation));
        }

        Assert.Equal(0, await store.CountAsync(SessionQuery.ForNode(session.NodeId, session.Hub), Cancellation));
        foreach (var group in (await store.ListGroupsAsync(GroupQuery.ByName(session.Hub), ISessionDirectory.MaxPageSize, null, Cancellation)).Groups)
        {
            Assert.Equal(await store.CountAsync(SessionQuery.ForGroup(session.Hub, group.Group), Cancellation), group.Connections);
        }
    }

    private protected static IEnumerable<SessionQuery> QueriesOf(Session session)
    {
        yield return SessionQuery.ForHub(session.Hub);
        yield return SessionQuery.ForNode(session.NodeId);
        yield return SessionQuery.ForNode(session.NodeId, session.Hub);
        if (session.UserId is { } user)
        {
            yield return SessionQuery.ForUser(session.Hub, user);
            foreach (var group in session.Groups)
            {
                yield return SessionQuery.ForUserInGroup(session.Hub, user, group);
            }
        }

        foreach (var group in session.Groups)
        {
            yield return SessionQuery.ForGroup(session.Hub, group);
        }
    }

    private protected static async Task AssertCompletesOrIsCancelledAsync(Func<Task> call)
    {
        try
        {
            await call().WithinGuardAsync();
        }
        catch (OperationCanceledException)
        {
            Assert.False(Cancellation.IsCancellationRequested);
        }
    }

    /// <summary>Calls, and gives up while the call runs.</summary>
    /// <param name="call">The call.</param>
    /// <param name="meanwhile">How long it runs first; null to give up at once.</param>
    private protected static async Task CancelMeanwhileAsync(Func<CancellationToken, Task> call, Func<Task>? meanwhile = null)
    {
        using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var running = call(cancelling.Token);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        await cancelling.CancelAsync();
        await AssertCompletesOrIsCancelledAsync(() => running);
    }
}
