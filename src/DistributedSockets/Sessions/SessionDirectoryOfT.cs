namespace DistributedSockets;

/// <summary>The session directory under a handler's type.</summary>
internal sealed class SessionDirectory<THandler>(ISessionDirectory directory, HubNames names) : ISessionDirectory<THandler>
    where THandler : class
{
    public string Hub { get; } = names.Of(typeof(THandler));

    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) =>
        directory.FindAsync(hub, connectionId, cancellationToken);

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default) =>
        directory.ListAsync(query, cancellationToken);

    public ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions = 100, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        directory.ListPageAsync(query, maxSessions, continuationToken, cancellationToken);

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) =>
        directory.CountAsync(query, cancellationToken);

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) =>
        directory.AreOnlineAsync(hub, userIds, cancellationToken);

    public ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups = 100, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        directory.ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => directory.ListNodesAsync(cancellationToken);
}
