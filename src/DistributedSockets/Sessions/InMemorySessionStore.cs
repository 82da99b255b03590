using System.Runtime.CompilerServices;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>The directory of the hosts of one process. The default.</summary>
internal sealed partial class InMemorySessionStore(InMemoryCluster cluster, IOptions<DistributedWebSocketsClusterOptions> options) : ISessionStore
{
    private readonly InMemoryDirectory _directory = cluster.Directory(options.Value.Prefix);

    public ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(node);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Renew(node, expiry));
    }

    public ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(nodeId);
        cancellationToken.ThrowIfCancellationRequested();
        _directory.Remove(nodeId);
        return ValueTask.CompletedTask;
    }

    public ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(nodeId);
        ArgumentNullException.ThrowIfNull(changes);
        cancellationToken.ThrowIfCancellationRequested();
        _directory.Commit(nodeId, changes);
        return ValueTask.CompletedTask;
    }

    public ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(nodeId);
        cancellationToken.ThrowIfCancellationRequested();
        _directory.Reset(nodeId);
        return ValueTask.CompletedTask;
    }

    public ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(claimantNodeId);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Claim(claimantNodeId, maxSessions));
    }

    public ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(connectionId);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Find(hub, connectionId));
    }

    public IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        return ListCoreAsync(query, cancellationToken);
    }

    public ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxSessions, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Page(query, maxSessions, SessionPosition.Parse(continuationToken)));
    }

    public ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentOutOfRangeException.ThrowIfLessThan(maxGroups, 1);
        cancellationToken.ThrowIfCancellationRequested();
        return new(GroupPosition.Page(_directory.Groups(query), query, maxGroups, continuationToken));
    }

    public ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(query);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Count(query));
    }

    public ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default)
    {
        ArgumentException.ThrowIfNullOrEmpty(hub);
        ArgumentNullException.ThrowIfNull(userIds);
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.AreOnline(hub, userIds));
    }

    public ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return new(_directory.Nodes());
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private async IAsyncEnumerable<Session> ListCoreAsync(SessionQuery query, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await ValueTask.CompletedTask; // the contract streams; here all is at hand
        foreach (var session in _directory.List(query))
        {
            cancellationToken.ThrowIfCancellationRequested();
            yield return session;
        }
    }
}
