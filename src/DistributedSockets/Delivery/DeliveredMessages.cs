namespace DistributedSockets;

/// <summary>
/// Which connections have got a message that went out on several channels, so that overlapping groups mean one copy.
/// </summary>
/// <remarks>
/// One per lane. The copies of a message are published together and come through the same lane close to each other, so only
/// the newest messages are remembered.
/// </remarks>
internal sealed class DeliveredMessages(TimeProvider time)
{
    private const int MaxMessages = 65_536;
    private const int MaxConnections = 1_048_576;

    private static readonly TimeSpan s_memory = TimeSpan.FromSeconds(30);

    private readonly Lock _gate = new();
    private readonly Dictionary<Guid, Message> _messages = [];
    private readonly Queue<Guid> _order = new();
    private Message? _latest;
    private int _connections;

    /// <summary>Who has got a message; for the lane alone, which adds those who get it now before it asks again.</summary>
    internal HashSet<Connection> RecipientsOf(Guid messageId)
    {
        lock (_gate)
        {
            CountLatestLocked();
            if (!_messages.TryGetValue(messageId, out var message))
            {
                ForgetLocked();
                message = new(time.GetTimestamp());
                _messages.Add(messageId, message);
                _order.Enqueue(messageId);
            }

            _latest = message;
            return message.Recipients;
        }
    }

    /// <summary>Forgets what is old, so that connections that have ended are let go of.</summary>
    internal void Trim()
    {
        lock (_gate)
        {
            ForgetLocked();
        }
    }

    private void CountLatestLocked()
    {
        if (_latest is { IsForgotten: false } latest)
        {
            _connections += latest.Recipients.Count - latest.Counted;
            latest.Counted = latest.Recipients.Count;
        }
    }

    private void ForgetLocked()
    {
        while (_order.TryPeek(out var oldest)
            && (_order.Count >= MaxMessages || _connections > MaxConnections || time.GetElapsedTime(_messages[oldest].At) > s_memory))
        {
            _order.Dequeue();
            _messages.Remove(oldest, out var message);
            _connections -= message!.Counted; // every id in the order has its message
            message.IsForgotten = true;
            if (ReferenceEquals(message, _latest))
            {
                _latest = null;
            }
        }
    }

    private sealed class Message(long at)
    {
        internal HashSet<Connection> Recipients { get; } = [];

        internal long At => at;

        /// <summary>How many of the recipients are in the sum.</summary>
        internal int Counted { get; set; }

        internal bool IsForgotten { get; set; }
    }
}
