namespace DistributedSockets;

/// <summary>What an in-memory log keeps of one target: entries in the order of their offsets, in a ring.</summary>
internal sealed class InMemoryTargetLog(LogTarget target, long removedTo)
{
    private const int MinCapacity = 4;

    private InMemoryLogEntry?[] _ring = new InMemoryLogEntry?[MinCapacity];
    private int _first;

    internal LogTarget Target => target;

    internal int Count { get; private set; }

    internal long Bytes { get; private set; }

    /// <summary>The highest offset that was removed, or a higher one below all that are left.</summary>
    internal long RemovedTo { get; private set; } = removedTo;

    internal InMemoryLogEntry this[int index] => _ring[(_first + index) % _ring.Length]!; // within Count there is one

    internal void Add(InMemoryLogEntry entry)
    {
        if (Count == _ring.Length)
        {
            Resize(2 * Count);
        }

        _ring[(_first + Count++) % _ring.Length] = entry;
        Bytes += entry.Payload.Length;
    }

    internal InMemoryLogEntry RemoveFirst()
    {
        var entry = this[0];
        _ring[_first] = null;
        _first = (_first + 1) % _ring.Length;
        Count--;
        Bytes -= entry.Payload.Length;
        RemovedTo = entry.Offset;
        if (_ring.Length > MinCapacity && Count <= _ring.Length / 4)
        {
            Resize(_ring.Length / 2);
        }

        return entry;
    }

    /// <summary>How many of the entries stand at an offset or before it.</summary>
    internal int CountUpTo(long offset)
    {
        var (low, high) = (0, Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            if (this[middle].Offset <= offset)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }

    private void Resize(int capacity)
    {
        var ring = new InMemoryLogEntry?[capacity];
        for (var i = 0; i < Count; i++)
        {
            ring[i] = this[i];
        }

        (_ring, _first) = (ring, 0);
    }
}
