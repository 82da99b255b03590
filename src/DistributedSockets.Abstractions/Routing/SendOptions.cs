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
}
