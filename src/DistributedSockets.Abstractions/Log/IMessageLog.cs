namespace DistributedSockets;

/// <summary>Keeps what is sent to the targets of a hub for a while, in one order for all of them, and hands it to every node of the hub.</summary>
/// <remarks>
/// <para>
/// An entry gets the hub's next <b>offset</b>: 1 for the first one of an epoch, then one more each time. Where the log cannot know the last
/// offset that it gave, as after a failover to a replica that lacks the latest entries, it skips ahead so far that none is given twice; the
/// first entry behind the jump names the one before it. So a hole in what arrives is seen at the next entry, and is filled by reading. If it
/// names one that is smaller than what was received or answered before, those between are lost.
/// </para>
/// <para>
/// What one node appends to one hub stands in the order of its calls, also where it does not await one before the next. Between nodes
/// there is one order, too, the same for everyone: that of the offsets.
/// </para>
/// <para>
/// An <b>epoch</b> is one life of a hub's log. A log that has lost everything begins a new one, with a number that is larger than all before.
/// Offsets of different epochs have nothing to do with each other. Whichever call comes first begins the log of a hub.
/// </para>
/// <para>
/// An entry whose append was answered can be read by everyone from then on, at any node, until retention removes it. One whose answer did
/// not come may be in the log or come into it, once. The log knows nothing of what a payload holds, nor of connections. Hubs and prefixes
/// have nothing to do with each other. All members may be called concurrently, but the caller never overlaps calls to
/// <see cref="SubscribeAsync"/> and <see cref="UnsubscribeAsync"/> for the same hub. After an outage the implementation restores its
/// subscriptions by itself.
/// </para>
/// <para>
/// It may be disposed at any time, more than once and from several threads, also while calls run: they end. When disposal has completed, its
/// receiver is called no more, the other nodes go on, and nothing holds the object. An append or a read is then refused, by an
/// <see cref="ObjectDisposedException"/> or a <see cref="MessageLogUnavailableException"/>; so may be any other call, which has no effect.
/// </para>
/// </remarks>
public interface IMessageLog : IAsyncDisposable, IDisposable
{
    /// <summary>A short lower-case name of what keeps the log, for metrics and logs, such as <c>redis</c>.</summary>
    string System { get; }

    /// <summary>Whether <see cref="LogRetention.MaxBytesPerTarget"/> is kept. One that cannot count bytes is refused that setting at start-up.</summary>
    bool LimitsBytes { get; }

    /// <summary>Starts the log. Called once, before any other member.</summary>
    /// <param name="receiver">Takes what arrives, and hears of outages.</param>
    /// <param name="cancellationToken">Ends the attempt.</param>
    /// <remarks>A log that is away must not fail the start: begin connecting, report <see cref="IMessageLogReceiver.OnUnavailable"/>, and go on trying.</remarks>
    ValueTask StartAsync(IMessageLogReceiver receiver, CancellationToken cancellationToken = default);

    /// <summary>Appends one entry under the hub's next offset, and hands it to every node that is subscribed to the hub, this one included.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="append">What to append, and to which targets.</param>
    /// <param name="cancellationToken">Ends the wait. The entry may still come into the log.</param>
    /// <returns>Where the entry stands; for a key that was used before, where the first entry of that key stands.</returns>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached, did not answer in time, or refuses the entry. It says whether the entry may be in the log.</exception>
    /// <exception cref="StaleFenceException">The entry has a fence, and the record of its session has neither of its versions. Nothing was appended.</exception>
    ValueTask<LogAppendResult> AppendAsync(LogHub hub, LogAppend append, CancellationToken cancellationToken = default);

    /// <summary>Has every entry that is appended to the hub once this has completed handed to the receiver, in the order of offsets. Subscribing twice is the same as once.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached. The hub is not subscribed, now or later.</exception>
    ValueTask SubscribeAsync(LogHub hub, CancellationToken cancellationToken = default);

    /// <summary>Ends this node's subscription to a hub. Does nothing for one that is not subscribed.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <remarks>An outage is no error here: a hub given up while the log is away is not restored.</remarks>
    ValueTask UnsubscribeAsync(LogHub hub, CancellationToken cancellationToken = default);

    /// <summary>Asks where the hub's log ends.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The last position; no entry that was answered before the call stands behind it.</returns>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    ValueTask<LogPosition> GetEndAsync(LogHub hub, CancellationToken cancellationToken = default);

    /// <summary>Reads what was appended to some targets behind a position.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="query">What to read.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>A page, complete for the targets up to where it says that it ends.</returns>
    /// <exception cref="ArgumentException">The query has no bounds, or reads up to an offset before the one that it reads after.</exception>
    /// <exception cref="MessageLogUnavailableException">The log cannot be reached.</exception>
    ValueTask<LogPage> ReadAsync(LogHub hub, LogQuery query, CancellationToken cancellationToken = default);

    /// <summary>Disposes and waits for it, but for no longer than 5 seconds; what takes longer goes on.</summary>
    void IDisposable.Dispose() => SyncDisposal.Dispose(this);
}
