namespace DistributedSockets;

/// <summary>Some of the members of a set, in slots that are read without a lock, and without a copy for each change.</summary>
/// <remarks>
/// A new member takes the next slot. The slot of one that left stays taken until the set replaces the part, so that a pass over the slots
/// also writes what was queued for a member that has left since, and nobody who leaves and comes back is met twice.
/// </remarks>
/// <param name="set">The set, which is the same for as long as the part exists.</param>
/// <param name="capacity">How many members it takes.</param>
internal sealed class MemberPart(MemberSet set, int capacity)
{
    private readonly MemberSlot[] _slots = new MemberSlot[capacity];
    private volatile int _taken;
    private volatile int _count;
    private bool _isReplaced;

    internal MemberSet Set => set;

    /// <summary>The members, and those that have left.</summary>
    internal ReadOnlySpan<MemberSlot> Slots => _slots.AsSpan(0, _taken);

    /// <summary>How many members there are.</summary>
    internal int Count => _count;

    /// <summary>How many slots are held by those who left.</summary>
    internal int Holes => _taken - _count;

    /// <summary>Takes a member, unless all slots are taken or another part has come in place of this one.</summary>
    internal bool TryAdd(Connection connection, Membership membership)
    {
        lock (this)
        {
            if (_isReplaced || _taken == _slots.Length)
            {
                return false;
            }

            AddLocked(connection, membership);
            return true;
        }
    }

    /// <summary>Lets go of a member, unless it has moved to another part.</summary>
    internal bool TryRemove(Membership membership, bool ended)
    {
        lock (this)
        {
            if (membership.Part != this)
            {
                return false;
            }

            _slots[membership.Slot].Leave(ended);
            _count--;
            return true;
        }
    }

    /// <summary>Moves the members to a part that comes in place of this one. The caller holds the locks of both until everybody can see the other.</summary>
    internal void MoveToLocked(MemberPart other)
    {
        foreach (ref readonly var slot in Slots)
        {
            if (slot is { Membership: { } membership, Connection: { } connection })
            {
                other.AddLocked(connection, membership);
            }
        }

        _isReplaced = true;
    }

    private void AddLocked(Connection connection, Membership membership)
    {
        var slot = _taken;
        membership.Part = this;
        membership.Slot = slot;
        _slots[slot].Take(connection, membership);
        _taken = slot + 1; // after the slot is filled, for those who read meanwhile
        _count++;
    }
}
