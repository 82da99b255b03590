namespace DistributedSockets;

/// <summary>The entries that wait in a lane, one behind the other without a hole. It has room for so many entries and bytes. Guarded by the lane.</summary>
internal sealed class LogArrivals(int capacity, int maxBytes)
{
    private readonly Queue<LogArrival> _entries = new();
    private LogPosition _last;
    private long _bytes;

    internal int Count => _entries.Count;

    /// <summary>Takes an entry if it follows on the last one and has room; the first one whatever it follows on and whatever its size.</summary>
    /// <returns>False if it has to be read later.</returns>
    internal bool TryAdd(in LogArrival arrival)
    {
        var length = arrival.Entry.Payload.Length;
        if (_entries.Count > 0 && (!arrival.Follows(_last) || _entries.Count >= capacity || _bytes + length > maxBytes))
        {
            return false;
        }

        _entries.Enqueue(arrival);
        _last = arrival.Position;
        _bytes += length;
        return true;
    }

    /// <summary>The first entry behind a position, which stays. Those before it are forgotten.</summary>
    internal bool TryPeekBehind(in LogPosition position, out LogArrival first)
    {
        while (_entries.TryPeek(out first))
        {
            if (position.IsBefore(first.Position))
            {
                return true;
            }

            _entries.Dequeue();
            _bytes -= first.Entry.Payload.Length;
        }

        return false;
    }

    internal void Clear()
    {
        _entries.Clear();
        _bytes = 0;
    }
}
