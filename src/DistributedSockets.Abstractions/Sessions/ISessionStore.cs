namespace DistributedSockets;

/// <summary>Keeps which nodes live, and who is connected where, in which groups. Implement it for a store of your own.</summary>
/// <remarks>
/// Apps read what stands here through <see cref="ISessionDirectory"/>; only nodes write. Never on the path of a message. Readers see only sessions of nodes whose lease is live. Writes of one node are applied
/// in the order given; a change is visible to readers shortly after it happened on its node. All members may be called
/// concurrently, except that a node's own writes (<see cref="CommitAsync"/>, <see cref="ResetAsync"/>) never overlap.
/// A store that cannot be reached throws within a bounded time and works again by itself when it can.
/// <para>
/// It may be disposed at any time, more than once, also while calls run: they end, in success or with an
/// <see cref="ObjectDisposedException"/> or a <see cref="SessionStoreUnavailableException"/>. Nothing holds the object afterwards. Leases
/// and sessions stay: they end with time, or by <see cref="RemoveNodeAsync"/>. An implementation needs only
/// <see cref="IAsyncDisposable.DisposeAsync"/>: disposed synchronously, as by a service provider that is not disposed asynchronously, it is
/// waited for, but for no longer than 5 seconds.
/// </para>
/// </remarks>
public interface ISessionStore : IAsyncDisposable, IDisposable
{
    /// <summary>Takes or renews a node's lease.</summary>
    /// <param name="node">The node.</param>
    /// <param name="expiry">How long the lease lasts without another renewal.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>
    /// <see langword="true"/> if the lease was still held and everything written is still there; <see langword="false"/> if it was
    /// taken anew, or the store has gone back to an older state: what it knows of this node's sessions must be written again.
    /// </returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<bool> RenewLeaseAsync(NodeInfo node, TimeSpan expiry, CancellationToken cancellationToken = default);

    /// <summary>Gives a node's lease back and forgets all of its sessions.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask RemoveNodeAsync(string nodeId, CancellationToken cancellationToken = default);

    /// <summary>Writes changes of one node's sessions in order. Writing the same change twice is the same as once.</summary>
    /// <remarks>
    /// There may be many changes of one session; it is enough to write what they come to. A change of groups or properties of a session that
    /// the store does not have may be left out: the node is told of such a loss by its lease.
    /// </remarks>
    /// <param name="nodeId">The node that holds the connections.</param>
    /// <param name="changes">The changes, oldest first.</param>
    /// <param name="cancellationToken">Ends the wait; some of the changes may have been written.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached. Any of the changes may have been written.</exception>
    ValueTask CommitAsync(string nodeId, IReadOnlyList<SessionChange> changes, CancellationToken cancellationToken = default);

    /// <summary>Forgets all sessions of one node but keeps its lease, before they are all written again.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask ResetAsync(string nodeId, CancellationToken cancellationToken = default);

    /// <summary>Takes over sessions of nodes whose lease has run out and removes them from the store.</summary>
    /// <param name="claimantNodeId">The live node that claims.</param>
    /// <param name="maxSessions">How many sessions to take at most; call again until the list is empty.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The claimed sessions. Each session is returned to exactly one caller in the cluster.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<IReadOnlyList<Session>> ClaimExpiredAsync(string claimantNodeId, int maxSessions, CancellationToken cancellationToken = default);

    /// <summary>Finds one session by connection id.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="connectionId">
    /// The connection id: that of a session that can be resumed names no node, and is looked for at all live nodes at once. An id of unknown form is not found.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The session, or <see langword="null"/>.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default);

    /// <summary>Streams the sessions that match, in no particular order. Sessions that come or go meanwhile may be missed or seen.</summary>
    /// <param name="query">Which sessions.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default);

    /// <summary>Lists some of the sessions that match, in an order of the store's own, and where to go on.</summary>
    /// <remarks>
    /// Over all pages a session that is there all the time comes exactly once, however many others come and go; one that comes or goes meanwhile comes once
    /// or not at all. A page that is not the last is full.
    /// </remarks>
    /// <param name="query">Which sessions.</param>
    /// <param name="maxSessions">How many to list at most, 1 or more.</param>
    /// <param name="continuationToken">
    /// What the page before has as <see cref="SessionPage.ContinuationToken"/>, a text of at most 1,024 bytes of UTF-8, such as the position of
    /// its last session; <see langword="null"/> to begin. The directory has checked that it was given for this query, but it may be forged: the
    /// store must not trust it further than that.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The token can be none of this store.</exception>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions, string? continuationToken, CancellationToken cancellationToken = default);

    /// <summary>Lists some of the groups of a hub that have connections of live nodes, each with how many, and where to go on.</summary>
    /// <remarks>
    /// The sizes are kept as they change, so that no page has to count connections. They are those of live nodes alone, also when a node was
    /// lost and nobody has claimed its sessions; those of a node whose renewal tells of a loss count again once it has written its sessions
    /// anew. Over all pages a group that is there all the time comes exactly once; by size, one whose size changes may come twice or not at all.
    /// </remarks>
    /// <param name="query">Which groups, and in which order.</param>
    /// <param name="maxGroups">How many to list at most, 1 or more.</param>
    /// <param name="continuationToken">
    /// What the page before has as <see cref="GroupPage.ContinuationToken"/>, a text of at most 1,024 bytes of UTF-8; <see langword="null"/> to
    /// begin. As for sessions, it may be forged.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentException">The token can be none of this store.</exception>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups, string? continuationToken, CancellationToken cancellationToken = default);

    /// <summary>Counts the sessions that match.</summary>
    /// <param name="query">Which sessions.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default);

    /// <summary>Tells for each of the users whether at least one connection is open anywhere in the cluster.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One answer for each user, in the order asked.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default);

    /// <summary>Lists the nodes whose lease is live, as they were at their last renewal.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default);

    /// <summary>Disposes and waits for it, but for no longer than 5 seconds; what takes longer goes on.</summary>
    void IDisposable.Dispose() => SyncDisposal.Dispose(this);
}
