namespace DistributedSockets;

/// <summary>What a subprotocol puts in front of each message to one client, whose bytes are shared with all others who get it. Called under the queue's lock; never waits.</summary>
internal interface IMessagePrefix
{
    /// <summary>The most bytes that it puts in front of a message.</summary>
    const int MaxBytes = WebSocketProtocol.MaxHeadBytes;

    /// <summary>Whether the queue follows the log for a session; else it is bounded like any other.</summary>
    bool FollowsLog { get; }

    /// <summary>The bytes that follow what it puts in front of a message: a frame that lives as long as that of the message, or that itself.</summary>
    SharedFrame BodyOf(SharedFrame frame);

    /// <summary>Whether a message may be written now. If not, it and all behind it wait until the queue is woken.</summary>
    bool MayWrite(SharedFrame frame);

    /// <summary>Writes what stands in front of a message that goes out now, in the order in which messages go out.</summary>
    /// <param name="destination">Where.</param>
    /// <param name="frame">The message.</param>
    /// <param name="bodyBytes">The length of what follows.</param>
    /// <returns>How many bytes that is.</returns>
    int Write(Span<byte> destination, SharedFrame frame, int bodyBytes);

    /// <summary>The queue does not follow the log any more: what is logged has to be read for it. Only hands on.</summary>
    void OnFellBehind();

    /// <summary>A message has had its turn, and it was too late to write it.</summary>
    void OnExpired(SharedFrame frame);
}
