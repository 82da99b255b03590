namespace DistributedSockets.Testing;

/// <summary>Shorter forms of session store queries, for tests of a store; an app asks <see cref="ISessionDirectory"/>.</summary>
public static class SessionStoreExtensions
{
    /// <summary>Tells whether a user has at least one open connection anywhere in the cluster.</summary>
    /// <param name="store">The session store.</param>
    /// <param name="hub">The hub's name.</param>
    /// <param name="userId">The user.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    public static async ValueTask<bool> IsOnlineAsync(
        this ISessionStore store, string hub, string userId, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(store);
        var online = await store.AreOnlineAsync(hub, [userId], cancellationToken).ConfigureAwait(false);
        return online[0];
    }
}
