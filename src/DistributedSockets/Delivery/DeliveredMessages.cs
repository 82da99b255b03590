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
    private readonly Dictionary<Guid, HashSet<Connection>> _served = [];
    private readonly Queue<(Guid Id, long At)> _order = new();
    private int _connections;

    /// <summary>Which connections the envelope at hand has named; empty between envelopes, and kept so that none needs a set of its own.</summary>
    internal HashSet<Connection> Named { get; } = [];

    /// <summary>Queues a copy at those who have not got the message yet.</summary>
    internal int Enqueue(Guid messageId, MemberList members, SharedFrame frame, ReadOnlySpan<Connection?> excluded)
    {
        lock (_gate)
        {
            if (!_served.TryGetValue(messageId, out var served))
            {
                ForgetLocked();
                served = [];
                _served.Add(messageId, served);
                _order.Enqueue((messageId, time.GetTimestamp()));
            }

            var before = served.Count;
            var sent = FanOut.Enqueue(members, frame, excluded, served);
            _connections += served.Count - before;
            return sent;
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

    private void ForgetLocked()
    {
        while (_order.TryPeek(out var oldest)
            && (_order.Count >= MaxMessages || _connections > MaxConnections || time.GetElapsedTime(oldest.At) > s_memory))
        {
            _order.Dequeue();
            if (_served.Remove(oldest.Id, out var served))
            {
                _connections -= served.Count;
            }
        }
    }
}
