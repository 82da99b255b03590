namespace DistributedSockets;

/// <summary>What apps may ask of the session store, with their questions checked.</summary>
internal sealed class SessionDirectory(ISessionStore store) : ISessionDirectory
{
    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default)
    {
        HubName.Check(hub);
        ArgumentNullException.ThrowIfNull(connectionId);
        return store.FindAsync(hub, connectionId, cancellationToken);
    }

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        Check(query);
        return store.ListAsync(query, cancellationToken);
    }

    public async ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions = 100, string? continuationToken = null, CancellationToken cancellationToken = default)
    {
        Check(query);
        CheckSize(maxSessions, nameof(maxSessions));
        var key = PageToken.Key(query);
        var position = PageToken.Read(key, continuationToken, nameof(continuationToken));
        var page = await store.ListPageAsync(query, maxSessions, position, cancellationToken);
        return page with { ContinuationToken = PageToken.Write(key, page.ContinuationToken) };
    }

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        Check(query);
        return store.CountAsync(query, cancellationToken);
    }

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default)
    {
        HubName.Check(hub);
        ArgumentNullException.ThrowIfNull(userIds);
        for (var i = 0; i < userIds.Count; i++)
        {
            ArgumentException.ThrowIfNullOrEmpty(userIds[i], nameof(userIds));
        }

        return store.AreOnlineAsync(hub, userIds, cancellationToken);
    }

    public async ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups = 100, string? continuationToken = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        HubName.Check(query.Hub);
        CheckSize(maxGroups, nameof(maxGroups));
        var key = PageToken.Key(query);
        var position = PageToken.Read(key, continuationToken, nameof(continuationToken));
        var page = await store.ListGroupsAsync(query, maxGroups, position, cancellationToken);
        return page with { ContinuationToken = PageToken.Write(key, page.ContinuationToken) };
    }

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => store.ListNodesAsync(cancellationToken);

    private static void Check(SessionQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        if (query.Hub is { } hub)
        {
            HubName.Check(hub);
        }
    }

    private static void CheckSize(int size, string parameter)
    {
        if (size is < 1 or > ISessionDirectory.MaxPageSize)
        {
            throw new ArgumentOutOfRangeException(parameter, size, $"A page has 1 to {ISessionDirectory.MaxPageSize} entries. Ask for fewer, and go on with the continuation token.");
        }
    }
}
