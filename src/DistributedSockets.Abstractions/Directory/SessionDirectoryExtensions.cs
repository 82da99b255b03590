namespace DistributedSockets;

/// <summary>Shorter forms of questions to the session directory, which promise what the long ones do.</summary>
public static class SessionDirectoryExtensions
{
    /// <summary>Tells whether a user has at least one open connection anywhere in the cluster.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userId">The user.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static async ValueTask<bool> IsOnlineAsync(
        this ISessionDirectory directory, string hub, string userId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(directory);
        ArgumentException.ThrowIfNullOrEmpty(userId);
        return (await directory.AreOnlineAsync(hub, [userId], cancellationToken).ConfigureAwait(false))[0];
    }

    /// <summary>Finds one session of the handler's hub by connection id.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="connectionId">The connection id. An id of unknown form is not found.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<Session?> FindAsync<THandler>(
        this ISessionDirectory<THandler> directory, string connectionId, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.FindAsync(directory.Hub, connectionId, cancellationToken);
    }

    /// <summary>Tells whether a user has at least one open connection to the handler's hub anywhere in the cluster.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="userId">The user.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<bool> IsOnlineAsync<THandler>(
        this ISessionDirectory<THandler> directory, string userId, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.IsOnlineAsync(directory.Hub, userId, cancellationToken);
    }

    /// <summary>Tells for each of the users whether at least one connection to the handler's hub is open anywhere in the cluster.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One answer for each user, in the order asked.</returns>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<IReadOnlyList<bool>> AreOnlineAsync<THandler>(
        this ISessionDirectory<THandler> directory, IReadOnlyList<string> userIds, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.AreOnlineAsync(directory.Hub, userIds, cancellationToken);
    }

    /// <summary>Streams all sessions of the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static IAsyncEnumerable<Session> ListAsync<THandler>(
        this ISessionDirectory<THandler> directory, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.ListAsync(SessionQuery.ForHub(directory.Hub), cancellationToken);
    }

    /// <summary>Streams all sessions of a user in the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="userId">The user.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static IAsyncEnumerable<Session> ListUserAsync<THandler>(
        this ISessionDirectory<THandler> directory, string userId, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.ListAsync(SessionQuery.ForUser(directory.Hub, userId), cancellationToken);
    }

    /// <summary>Streams all sessions in a group of the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static IAsyncEnumerable<Session> ListGroupAsync<THandler>(
        this ISessionDirectory<THandler> directory, string group, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.ListAsync(SessionQuery.ForGroup(directory.Hub, group), cancellationToken);
    }

    /// <summary>Counts all sessions of the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<long> CountAsync<THandler>(this ISessionDirectory<THandler> directory, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.CountAsync(SessionQuery.ForHub(directory.Hub), cancellationToken);
    }

    /// <summary>Counts the sessions of a user in the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="userId">The user.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<long> CountUserAsync<THandler>(
        this ISessionDirectory<THandler> directory, string userId, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.CountAsync(SessionQuery.ForUser(directory.Hub, userId), cancellationToken);
    }

    /// <summary>Counts the sessions in a group of the handler's hub.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="group">The group.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The session store cannot be reached.</exception>
    public static ValueTask<long> CountGroupAsync<THandler>(
        this ISessionDirectory<THandler> directory, string group, CancellationToken cancellationToken = default)
        where THandler : class
    {
        ArgumentNullException.ThrowIfNull(directory);
        return directory.CountAsync(SessionQuery.ForGroup(directory.Hub, group), cancellationToken);
    }
}
