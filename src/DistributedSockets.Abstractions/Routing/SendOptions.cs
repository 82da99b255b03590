namespace DistributedSockets;

/// <summary>How a message is sent, besides what it is and who gets it. As it is, nothing is set; what is not set costs nothing.</summary>
public readonly struct SendOptions
{
    private static readonly TimeSpan s_maxTimeToLive = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>The connections that get nothing, though the target means them.</summary>
    /// <value>None by default; at most 65,535. Not copied: leave the list unchanged until the send completes.</value>
    public IReadOnlyList<string> ExcludedConnectionIds
    {
        get => field ?? [];
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = value;
        }
    }

    /// <summary>For how long the message is worth sending. A socket that gets to it later is not written; the message is dropped and counted.</summary>
    /// <value>For ever by default; 1 millisecond to 24 days.</value>
    /// <remarks>
    /// Every node counts from the moment in which it has the message: that of the sender from the call, others from when the envelope arrives.
    /// The time on the way between nodes is not counted, since their clocks may differ. A message whose first byte has been written is
    /// written to its end.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">The time is shorter than 1 millisecond or longer than 24 days.</exception>
    public TimeSpan? TimeToLive
    {
        get;
        init
        {
            if (value is { } time && (time < TimeSpan.FromMilliseconds(1) || time > s_maxTimeToLive))
            {
                throw new ArgumentOutOfRangeException(nameof(value), time, "The time to live of a message is 1 millisecond to 24 days; leave it null for a message that does not expire.");
            }

            field = value;
        }
    }

    /// <summary>What the message is the newest state of, such as <c>price:ACME</c>: it replaces an older message of the same key that still waits.</summary>
    /// <value>None by default; 1 to 256 bytes of UTF-8, compared ordinally.</value>
    /// <remarks>
    /// Each connection of the hub keeps at most one waiting message of a key, whoever sent it and to whatever target. The newer one goes to the
    /// end of the queue, so that the order of what arrives is that of the sends. What has begun to be written is not replaced. So a client
    /// that reads fast gets every message, and one that reads slowly the newest of each key.
    /// </remarks>
    public string? ConflationKey { get; init; }

    /// <summary>Whether the message goes through the hub's log: appended first, then delivered by every node in the order of the log, and kept for a while.</summary>
    /// <value>
    /// By default the hub's options decide, by <c>LoggedGroups</c>, <c>LogUsers</c> and <c>LogAll</c>; what goes to connections is logged only if this says so.
    /// </value>
    /// <remarks>
    /// A logged send is one entry, however many names its target has, of which there are at most 1,024. It reaches nobody before the log has taken
    /// it, and then the receivers of all nodes alike; while the log cannot be reached it throws. There is no order between logged messages and others.
    /// <see langword="true"/> needs a hub that has a log, as by <c>EnableLog</c>.
    /// </remarks>
    public bool? IsLogged { get; init; }

    /// <summary>Tells a logged send that is repeated from a new one: a second one of the same key in the same hub is not appended, whatever it holds.</summary>
    /// <value>None by default; 1 to 256 bytes of UTF-8, compared ordinally. Known for the hub's <c>LogIdempotencyTime</c> at least.</value>
    /// <remarks>For a send whose outcome is unknown: send again under the same key. <see cref="SendResult.Position"/> is then that of the first one.</remarks>
    public string? IdempotencyKey { get; init; }

    /// <summary>On whose behalf a logged message is sent: a handler sets its connection. Once the session goes on with another connection, here or at another node, the message is refused.</summary>
    /// <value>Nobody by default. Heeded by logged sends on behalf of a session that can be resumed, and else passed over.</value>
    /// <remarks>
    /// Such a session may be taken from a node that does not answer, while its handler still works on a message that the client then sends again elsewhere. What that handler
    /// sends too late throws <see cref="StaleFenceException"/>, and reaches nobody. The log itself sees to it in the moment in which it takes the message, where it can
    /// (<see cref="ISessionRecordStore.RefusesStaleAppends"/>); elsewhere a node refuses what is sent while it does not hold its lease.
    /// </remarks>
    public IFencedSender? OnBehalfOf { get; init; }

    /// <summary>What the subprotocols of the hub are to know of the message besides its payload, such as who wrote it. Only they read it.</summary>
    /// <value>Empty by default; at most 16,384 bytes. It travels with the message, and stands in the log with it. Not copied: leave it unchanged until the send completes.</value>
    /// <remarks>Clients that speak no subprotocol of the hub get the payload as it is.</remarks>
    public ReadOnlyMemory<byte> Metadata { get; init; }

    /// <summary>Who of the target gets the message: an expression that each node evaluates for each connection.</summary>
    /// <value><see langword="null"/> by default, which is everyone; at most 16,384 bytes of UTF-8. Its language is that of the hub's <c>RecipientFilters</c>, which has to be set on all nodes and senders.</value>
    /// <remarks>For a logged message a session is looked at as it was where the message stands in the log, be its client connected or away.</remarks>
    public string? Filter { get; init; }
}
