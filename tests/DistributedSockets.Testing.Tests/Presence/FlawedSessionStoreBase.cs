using DistributedSockets.Testing.Tests.Sessions;

namespace DistributedSockets.Testing.Tests.Presence;

/// <summary>The sound part of a session store of a <see cref="FlawedStoreServer"/>.</summary>
internal abstract class FlawedSessionStoreBase(FlawedStoreServer server, string cluster) : ISessionStore
{
    private ISessionStore Sessions => server.Store(cluster);

    public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default) =>
        Sessions.RenewLeaseAsync(node, expiry, cancellationToken);

    public ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default) => Sessions.RemoveNodeAsync(nodeId, cancellationToken);

    public ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default) =>
        Sessions.CommitAsync(nodeId, changes, cancellationToken);

    public ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default) => Sessions.ResetAsync(nodeId, cancellationToken);

    public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default) =>
        Sessions.ClaimExpiredAsync(claimantNodeId, maxSessions, cancellationToken);

    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) =>
        Sessions.FindAsync(hub, connectionId, cancellationToken);

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default) => Sessions.ListAsync(query, cancellationToken);

    public ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        Sessions.ListPageAsync(query, maxSessions, continuationToken, cancellationToken);

    public ValueTask<GroupPage> ListGroupsAsync(GroupQuery query, int maxGroups, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        Sessions.ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) => Sessions.CountAsync(query, cancellationToken);

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) =>
        Sessions.AreOnlineAsync(hub, userIds, cancellationToken);

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => Sessions.ListNodesAsync(cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
