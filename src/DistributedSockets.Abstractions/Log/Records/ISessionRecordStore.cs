namespace DistributedSockets;

/// <summary>Keeps the records of sessions beside a hub's log, each under a version that is a fence: whoever replaces a record shuts out all who know only the version before.</summary>
/// <remarks>
/// <para>
/// Implemented by a message log, by the same object as <see cref="IMessageLog"/>, since an append can carry a fence. What a record holds is opaque to it.
/// A log that is no such store can do all but sessions that can be resumed.
/// </para>
/// <para>
/// A version stands for one record: whoever writes one draws a new version at random, other than 0, and never uses it again. So a swap whose answer was lost is told from
/// another's by reading, and who takes a record over knows what was replaced, as it is what stood there under the version that was expected.
/// </para>
/// <para>
/// A record is kept for <see cref="LogRetention.MaxAge"/> after it was written, and not much longer. It stays with the hub, also when the log begins another epoch, unless it was lost
/// with all else. All members may be called concurrently, by any node.
/// </para>
/// </remarks>
public interface ISessionRecordStore
{
    /// <summary>
    /// How many bytes every store takes as a record: 524,288. One that takes no more refuses a larger one by a <see cref="MessageLogUnavailableException"/>.
    /// </summary>
    const int MaxRecordBytes = 524_288;

    /// <summary>
    /// Whether an append with a <see cref="LogAppend.Fence"/> is refused if the session's record has neither of its versions by then. If not, the fence is passed over, and a node that may have
    /// lost its sessions to others must stop by itself.
    /// </summary>
    bool RefusesStaleAppends { get; }

    /// <summary>Reads the record of a session.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="sessionId">The session: 1 to 128 letters, digits, dots, hyphens or underscores of ASCII, compared ordinally.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The record, no earlier than the last one whose writing was answered before the call; <see langword="null"/> if there is none.</returns>
    /// <exception cref="MessageLogUnavailableException">The store cannot be reached.</exception>
    ValueTask<SessionRecord?> ReadRecordAsync(LogHub hub, string sessionId, CancellationToken cancellationToken = default);

    /// <summary>Writes, replaces or removes the record of a session, if it has a given version. Of several who expect the same one, one succeeds.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="sessionId">The session, as for <see cref="ReadRecordAsync"/>.</param>
    /// <param name="expectedVersion">The version that the record must have; 0 if there must be none.</param>
    /// <param name="record">The record that takes its place, borrowed until the returned task completes; <see langword="null"/> to remove it.</param>
    /// <param name="cancellationToken">Ends the wait. The record may still be written.</param>
    /// <returns>Whether it was done, and if not, what stands there.</returns>
    /// <exception cref="MessageLogUnavailableException">The store cannot be reached, did not answer in time, or refuses the record. It says whether it may have been written.</exception>
    ValueTask<SessionRecordSwap> SwapRecordAsync(
        LogHub hub, string sessionId, long expectedVersion, SessionRecord? record, CancellationToken cancellationToken = default);
}
