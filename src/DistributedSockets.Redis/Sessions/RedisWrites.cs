namespace DistributedSockets;

/// <summary>Numbers the writes of one node, so that it learns when Redis has lost the last of them.</summary>
/// <remarks>
/// What Redis has confirmed may be gone all the same: it starts again with an older copy of its data, or a replica that had not got
/// everything takes over. The lease holds the number of the last write, and a smaller one tells: to the renewal, and to the next write,
/// which would hide it otherwise.
/// </remarks>
/// <param name="first">A number that no earlier store of this node has reached.</param>
internal sealed class RedisWrites(long first)
{
    private readonly Lock _gate = new();
    private long _last = first;
    private long _confirmed;
    private bool _lost;

    /// <summary>The last write that Redis has confirmed, and so the number that the lease must have reached.</summary>
    public long Confirmed
    {
        get => Volatile.Read(ref _confirmed);
        set => Volatile.Write(ref _confirmed, value);
    }

    /// <summary>Notes that writes are gone; it is told by the next renewal that succeeds.</summary>
    public void Lose() => Volatile.Write(ref _lost, true);

    /// <summary>Whether there is a loss that the node has not been told.</summary>
    public bool TakeLoss() => Interlocked.Exchange(ref _lost, false);

    /// <summary>Sends a write that sets the lease to a number of its own.</summary>
    /// <param name="send">Gets the number, and the one that the lease must have reached.</param>
    public (long Number, T Sent) SendNext<T>(Func<long, long, T> send)
    {
        lock (_gate)
        {
            return (++_last, send(_last, Confirmed)); // in the order of the numbers: an older one must not hide a newer one
        }
    }

    /// <summary>Sends something that sets the lease to the number of the last write.</summary>
    /// <param name="send">Gets the number, and the one that the lease must have reached.</param>
    public T SendLast<T>(Func<long, long, T> send)
    {
        lock (_gate)
        {
            return send(_last, Confirmed);
        }
    }
}
