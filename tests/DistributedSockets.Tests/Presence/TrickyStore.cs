namespace DistributedSockets.Tests.Presence;

/// <summary>The session store of one node of a <see cref="TrickyStoreServer"/>.</summary>
internal sealed class TrickyStore(TrickyStoreServer server) : ISessionStore, IPresenceStore
{
    private string? _nodeId;

    public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
    {
        _nodeId = node.NodeId;
        return server.Call(_nodeId).RenewLeaseAsync(node, expiry, cancellationToken);
    }

    public ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default) => server.Call(_nodeId).RemoveNodeAsync(nodeId, cancellationToken);

    public ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).CommitAsync(nodeId, changes, cancellationToken);

    public ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default) => server.Call(_nodeId).ResetAsync(nodeId, cancellationToken);

    public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).ClaimExpiredAsync(claimantNodeId, maxSessions, cancellationToken);

    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).FindAsync(hub, connectionId, cancellationToken);

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).ListAsync(query, cancellationToken);

    public ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).ListPageAsync(query, maxSessions, continuationToken, cancellationToken);

    public ValueTask<GroupPage> ListGroupsAsync(GroupQuery query, int maxGroups, string? continuationToken = null, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default) => server.Call(_nodeId).CountAsync(query, cancellationToken);

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default) =>
        server.Call(_nodeId).AreOnlineAsync(hub, userIds, cancellationToken);

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default) => server.Call(_nodeId).ListNodesAsync(cancellationToken);

    public ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default) =>
        server.CallPresence(_nodeId).ReadPresenceAsync(hub, keys, cancellationToken);

    public async ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default)
    {
        var versions = await server.CallPresence(_nodeId).WritePresenceAsync(hub, guardKey, guardVersion, writes, cancellationToken);
        server.Answer();
        return versions;
    }

    public IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, CancellationToken cancellationToken = default) =>
        server.CallPresence(_nodeId).ListPresenceAsync(hub, cancellationToken);

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
