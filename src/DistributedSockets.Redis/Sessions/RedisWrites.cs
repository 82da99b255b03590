namespace DistributedSockets;

/// <summary>Numbers the writes of one node, so that it learns when Redis has lost the last of them.</summary>
/// <remarks>
/// What Redis has confirmed may be gone all the same: it starts again with an older copy of its data, or a replica that had not got
/// everything takes over. The lease holds the number of the last write, and a smaller one tells.
/// </remarks>
/// <param name="first">A number that no earlier store of this node has reached.</param>
internal sealed class RedisWrites(long first)
{
    private readonly Lock _gate = new();
    private long _last = first;
    private long _confirmed;

    /// <summary>The last write that Redis has confirmed, and so the number that the lease must have reached.</summary>
    public long Confirmed
    {
        get => Volatile.Read(ref _confirmed);
        set => Volatile.Write(ref _confirmed, value);
    }

    /// <summary>Sends a write that sets the lease to a number of its own.</summary>
    public (long Number, T Sent) SendNext<T>(Func<long, T> send)
    {
        lock (_gate)
        {
            return (++_last, send(_last)); // in the order of the numbers: an older one must not hide a newer one
        }
    }

    /// <summary>Sends something that sets the lease to the number of the last write.</summary>
    public T SendLast<T>(Func<long, T> send)
    {
        lock (_gate)
        {
            return send(_last);
        }
    }
}
