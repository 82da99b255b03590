namespace DistributedSockets;

/// <summary>Keeps small records of a hub that are changed only on condition. An optional ability of an <see cref="ISessionStore"/>, which presence needs.</summary>
/// <remarks>
/// <para>
/// The runtime decides what stands in the records: who holds a user, what has been told of that user, and an epoch that tells one life of
/// the store from the next. The store decides who was first: of several who change a record at the same moment, each on condition that
/// it still has the version that they read, one succeeds and the others are told. So "first" and "last" are found once.
/// </para>
/// <para>
/// Every write gets a version larger than those of all writes of the hub before it, also of records that were deleted since. Whoever
/// reads after a write was answered sees it. A write is done whole or not at all. One whose answer did not come may still be done, once:
/// sent again, it finds its own version in the way. Records of different hubs and prefixes have nothing to do with each other. A store that
/// loses its data loses all records of a hub, or the latest writes, and begins anew or goes on from there; it never loses some and
/// keeps later ones.
/// </para>
/// <para>
/// A key has up to 1,100 bytes of UTF-8, any of them; a value up to 65,536 bytes. Where nobody uses presence, nothing here is called. All
/// members may be called concurrently.
/// </para>
/// </remarks>
public interface IPresenceStore
{
    /// <summary>Reads records, the first key first: what is read for a later key is not older.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>One for each key, in the order asked; <see langword="null"/> where there is none.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    ValueTask<IReadOnlyList<PresenceRecord?>> ReadPresenceAsync(string hub, IReadOnlyList<string> keys, CancellationToken cancellationToken = default);

    /// <summary>Writes records, each on condition of its own version, and all of them on condition of one more record.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="guardKey">The record that must be at a version for anything to be written.</param>
    /// <param name="guardVersion">Which version; 0 if there must be none. A store that cannot write under it in one step looks before it writes.</param>
    /// <param name="writes">What to write. Each key stands once; the guard may be among them.</param>
    /// <param name="cancellationToken">Ends the wait; some may have been written.</param>
    /// <returns>For each write, in the order given, the version that it got, or for a deletion the one that it had; 0 if it was not done, since a condition did not hold.</returns>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached. Any of the writes may have been done, or may yet be.</exception>
    ValueTask<IReadOnlyList<long>> WritePresenceAsync(
        string hub, string guardKey, long guardVersion, IReadOnlyList<PresenceWrite> writes, CancellationToken cancellationToken = default);

    /// <summary>Streams all records of a hub, in no particular order. One that is there all the time comes at least once; none older than at the start comes.</summary>
    /// <param name="hub">The hub's name.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    /// <exception cref="SessionStoreUnavailableException">The store cannot be reached.</exception>
    IAsyncEnumerable<PresenceRecord> ListPresenceAsync(string hub, CancellationToken cancellationToken = default);
}
