namespace DistributedSockets;

/// <summary>Keeps one-use tickets for all nodes of a cluster, each until somebody takes it or its time is over.</summary>
/// <remarks>
/// What it keeps is opaque to it, encrypted, and worth nothing to whoever reads it. All members may be called concurrently. A store that no
/// other node can see works where a client asks for its ticket and connects at the same node.
/// </remarks>
public interface IConnectionTicketStore : IAsyncDisposable, IDisposable
{
    /// <summary>Keeps a ticket.</summary>
    /// <param name="key">Names it: 43 letters, digits, hyphens or underscores. Never given twice.</param>
    /// <param name="ticket">The ticket; copied before the returned task completes.</param>
    /// <param name="lifetime">How long it is kept: 1 second to 1 hour.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="SessionStoreUnavailableException">The store is away, or holds as many as it can.</exception>
    ValueTask AddAsync(string key, ReadOnlyMemory<byte> ticket, TimeSpan lifetime, CancellationToken cancellationToken = default);

    /// <summary>Takes a ticket out of the store: of all who ask for it on any node, however close to each other, one gets it.</summary>
    /// <param name="key">Names it.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The ticket, or <see langword="null"/> if there is none: it was never there, has been taken, or its time is over.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store is away. The ticket may have been taken out all the same.</exception>
    ValueTask<byte[]?> TakeAsync(string key, CancellationToken cancellationToken = default);

    /// <summary>Disposes it as <see cref="IAsyncDisposable.DisposeAsync"/> does, for a container that disposes synchronously; waited for at most 5 seconds.</summary>
    void IDisposable.Dispose() => SyncDisposal.Dispose(this);
}
