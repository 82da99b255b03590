namespace DistributedSockets;

/// <summary>Who is connected in the cluster, where and in which groups, for reading: what an app asks the session store through.</summary>
/// <remarks>
/// <para>Only sessions of nodes whose lease is live are shown. A change is visible to all nodes shortly after it happened on its own, so an answer may
/// be a moment old; what must be decided at once is decided by the node that holds the connection. No call is on the path of a message.</para>
/// <para>Injected as itself it answers for all hubs; <see cref="ISessionDirectory{THandler}"/> has shorter forms for a handler's hub. Names
/// are compared ordinally. All members may be called concurrently.</para>
/// </remarks>
public interface ISessionDirectory
{
    /// <summary>The most sessions or groups that one page can have: 1,000.</summary>
    const int MaxPageSize = 1_000;

    /// <summary>Finds one session by connection id.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="connectionId">
    /// The connection id: that of a session that can be resumed names no node, and is looked for at all live nodes at once. An id of unknown form is not found.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The session, or <see langword="null"/>.</returns>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<Session?> FindAsync(string hub, string connectionId, CancellationToken cancellationToken = default);

    /// <summary>Streams the sessions that match, in no particular order. Sessions that come or go meanwhile may be missed or seen.</summary>
    /// <param name="query">Which sessions.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    IAsyncEnumerable<Session> ListAsync(SessionQuery query, CancellationToken cancellationToken = default);

    /// <summary>Lists some of the sessions that match, and where to go on.</summary>
    /// <remarks>
    /// Over all pages a session that is there all the time comes exactly once; one that comes or goes meanwhile comes once or not at all.
    /// </remarks>
    /// <param name="query">Which sessions.</param>
    /// <param name="maxSessions">The size of the page, 1 to <see cref="MaxPageSize"/>.</param>
    /// <param name="continuationToken">
    /// <see cref="SessionPage.ContinuationToken"/> of the page before; <see langword="null"/> to begin. It may be given to a client and come back:
    /// it is checked, and refused with another query. It names the last session of its page, and stays valid on every node for as long as you like.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is out of range.</exception>
    /// <exception cref="ArgumentException">The token is none that was given for this query.</exception>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<SessionPage> ListPageAsync(
        SessionQuery query, int maxSessions = 100, string? continuationToken = null, CancellationToken cancellationToken = default);

    /// <summary>Counts the sessions that match.</summary>
    /// <param name="query">Which sessions.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<long> CountAsync(SessionQuery query, CancellationToken cancellationToken = default);

    /// <summary>Tells for each of the users whether at least one connection is open anywhere in the cluster.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One answer for each user, in the order asked.</returns>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<IReadOnlyList<bool>> AreOnlineAsync(string hub, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default);

    /// <summary>Lists some of the groups of a hub that have connections, each with how many, and where to go on.</summary>
    /// <remarks>
    /// Over all pages a group that is there all the time comes exactly once; by size, one whose size changes meanwhile may come twice or not at all.
    /// The session store keeps the sizes up to date, so no call counts connections or asks the nodes.
    /// </remarks>
    /// <param name="query">Which groups, and in which order.</param>
    /// <param name="maxGroups">The size of the page, 1 to <see cref="MaxPageSize"/>.</param>
    /// <param name="continuationToken">
    /// <see cref="GroupPage.ContinuationToken"/> of the page before; <see langword="null"/> to begin. It may be given to a client and come back:
    /// it is checked, and refused with another query. It names the last group of its page, and stays valid on every node for as long as you like.
    /// </param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="ArgumentOutOfRangeException">The size is out of range.</exception>
    /// <exception cref="ArgumentException">The token is none that was given for this query.</exception>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<GroupPage> ListGroupsAsync(
        GroupQuery query, int maxGroups = 100, string? continuationToken = null, CancellationToken cancellationToken = default);

    /// <summary>Lists the nodes and workers whose lease is live, with the figures of their last heartbeat.</summary>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    ValueTask<IReadOnlyList<NodeInfo>> ListNodesAsync(CancellationToken cancellationToken = default);
}
