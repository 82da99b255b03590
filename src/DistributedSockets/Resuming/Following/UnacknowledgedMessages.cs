namespace DistributedSockets;

/// <summary>Which messages of a session's log have a number that the client has not acknowledged: a ring from the number to the offset and the size, and nothing else.</summary>
/// <remarks>Not thread-safe. Numbers count 1, 2, 3 … in the order in which messages leave the outbound queue.</remarks>
internal sealed class UnacknowledgedMessages
{
    private const int MinSlots = 4;
    private const int NotSent = -1; // in place of a size

    private (long Offset, int Bytes)[] _slots = []; // as many as a power of two
    private int _count;

    /// <param name="number">The last number that was acknowledged.</param>
    /// <param name="offset">The offset for which it stands.</param>
    internal UnacknowledgedMessages(long number, long offset) => (Acknowledged, AcknowledgedOffset) = (number, offset);

    /// <summary>The last number up to which all are acknowledged.</summary>
    internal long Acknowledged { get; private set; }

    /// <summary>The offset of that message, or a later one up to which the session gets nothing.</summary>
    internal long AcknowledgedOffset { get; private set; }

    /// <summary>The last number that was given.</summary>
    internal long Last => Acknowledged + _count;

    /// <summary>The offset of the message with that number.</summary>
    internal long LastOffset => _count == 0 ? AcknowledgedOffset : Slot(_count - 1).Offset;

    /// <summary>How many have a number and are not acknowledged.</summary>
    internal int Count => _count;

    /// <summary>How many bytes these have.</summary>
    internal long Bytes { get; private set; }

    /// <summary>Gives the next number to a message.</summary>
    /// <param name="offset">Its offset.</param>
    /// <param name="bytes">Its size.</param>
    internal long Add(long offset, int bytes)
    {
        Enqueue(offset, bytes);
        Bytes += bytes;
        return Last;
    }

    /// <summary>Uses up the next number for a message that is not sent, as it is too late for it: it counts as acknowledged with all before it.</summary>
    internal void Skip(long offset)
    {
        Enqueue(offset, NotSent);
        PassNotSent();
    }

    /// <summary>Notes that the client has all messages up to a number. An older number changes nothing.</summary>
    /// <returns>False if that number has not been given.</returns>
    internal bool TryAcknowledge(long number)
    {
        if (number > Last)
        {
            return false;
        }

        while (Acknowledged < number)
        {
            Dequeue();
        }

        PassNotSent();
        return true;
    }

    /// <summary>Moves on where nothing is unacknowledged: up to an offset there was nothing for the session.</summary>
    internal void MoveTo(long offset)
    {
        if (_count == 0 && offset > AcknowledgedOffset)
        {
            AcknowledgedOffset = offset;
        }
    }

    /// <summary>Gives back the ring's memory if nothing is in it.</summary>
    internal void Trim()
    {
        if (_count == 0)
        {
            _slots = [];
        }
    }

    private ref (long Offset, int Bytes) Slot(int index) => ref _slots[(int)((Acknowledged + index) & (_slots.Length - 1))];

    private void Enqueue(long offset, int bytes)
    {
        if (_count == _slots.Length)
        {
            var larger = new (long, int)[Math.Max(MinSlots, 2 * _count)];
            for (var i = 0; i < _count; i++)
            {
                larger[(Acknowledged + i) & (larger.Length - 1)] = Slot(i);
            }

            _slots = larger;
        }

        Slot(_count++) = (offset, bytes);
    }

    private void PassNotSent()
    {
        while (_count > 0 && Slot(0).Bytes == NotSent)
        {
            Dequeue();
        }
    }

    private void Dequeue()
    {
        var (offset, bytes) = Slot(0);
        Bytes -= Math.Max(0, bytes);
        AcknowledgedOffset = offset;
        Acknowledged++;
        _count--;
    }
}
