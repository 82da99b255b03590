using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

/// <summary>The session store of a node that can be killed, which tells when the node has kept its lease and claimed what is due.</summary>
internal sealed partial class NodeStore(ISessionStore inner, CrashGate gate, TimeProvider time, Pulse pulse) : ISessionStore
{
    private readonly Lock _gate = new();
    private readonly List<Session> _saved = [];
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);
    private DateTimeOffset _beatBegan;

    /// <summary>When the last heartbeat began that has been done in full.</summary>
    internal DateTimeOffset LastBeatAt { get; private set; } = DateTimeOffset.MinValue;

    /// <summary>How many sessions that this node has claimed have ended with the node that was lost.</summary>
    internal int Ended { get; private set; }

    /// <summary>Whether the last write failed.</summary>
    internal bool IsFailing { get; private set; }

    /// <summary>How many different sessions this node has written.</summary>
    internal int SavedCount
    {
        get
        {
            lock (_gate)
            {
                return _saved.Count;
            }
        }
    }

    internal Session? SavedAfter(int count)
    {
        lock (_gate)
        {
            return _saved.Count > count ? _saved[count] : null;
        }
    }

    public async ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        _beatBegan = time.GetUtcNow();
        try
        {
            return await inner.RenewLeaseAsync(node, expiry, cancellationToken);
        }
        catch
        {
            EndBeat(); // the node claims nothing without a lease
            throw;
        }
        finally
        {
            pulse.Fire();
        }
    }

    public async ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await inner.RemoveNodeAsync(nodeId, cancellationToken);
        pulse.Fire();
    }

    public async ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        var failed = true;
        try
        {
            await inner.CommitAsync(nodeId, changes, cancellationToken);
            failed = false;
        }
        finally
        {
            lock (_gate)
            {
                IsFailing = failed;
                foreach (var change in changes)
                {
                    if (change.Kind == SessionChangeKind.Saved && (_known.Add(change.Session.ConnectionId) || change.IsContinued))
                    {
                        _saved.Add(change.Session);
                    }
                    else if (change.Kind == SessionChangeKind.Ended)
                    {
                        _known.Remove(change.ConnectionId);
                    }
                }
            }

            pulse.Fire();
        }
    }

    public async ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await inner.ResetAsync(nodeId, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        var (claimed, ended) = (0, 0);
        try
        {
            var sessions = await inner.ClaimExpiredAsync(claimantNodeId, maxSessions, cancellationToken);
            claimed = sessions.Count;
            ended = sessions.Count(static session => session.ConnectionId.StartsWith(session.NodeId, StringComparison.Ordinal)); // one that can be resumed names no node, and goes on
            return sessions;
        }
        finally
        {
            Ended += ended;
            if (claimed == 0)
            {
                EndBeat(); // it asks until nothing is left
            }

            pulse.Fire();
        }
    }

    public async ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.FindAsync(hub, connectionId, cancellationToken);
    }

    public async IAsyncEnumerable<Session> ListAsync(SessionQuery query, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        await foreach (var session in inner.ListAsync(query, cancellationToken))
        {
            yield return session;
        }
    }

    public async ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.ListPageAsync(query, maxSessions, continuationToken, cancellationToken);
    }

    public async ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.ListGroupsAsync(query, maxGroups, continuationToken, cancellationToken);
    }

    public async ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.CountAsync(query, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.AreOnlineAsync(hub, userIds, cancellationToken);
    }

    public async ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default)
    {
        await gate.PassAsync(cancellationToken);
        return await inner.ListNodesAsync(cancellationToken);
    }

    public ValueTask DisposeAsync() => inner.DisposeAsync();

    private void EndBeat() => LastBeatAt = _beatBegan;
}
