using System.Collections;

namespace DistributedSockets;

/// <summary>The members of a <see cref="MemberSet"/>, as those see them who send to it: without a lock, and without a copy for each change.</summary>
/// <remarks>
/// Changed under the hub's gate, read at any time. A new member takes the next slot. The slot of one that left stays taken until the
/// set makes a new list, so that a pass over the slots also writes what was queued for a member that has left since.
/// </remarks>
internal sealed class MemberList : IReadOnlyCollection<Connection>
{
    internal static readonly MemberList Empty = new(0);

    private readonly Connection?[] _slots;
    private readonly bool[] _left;
    private volatile int _taken;
    private volatile int _count;

    internal MemberList(int capacity)
    {
        _slots = new Connection?[capacity];
        _left = new bool[capacity];
    }

    /// <summary>How many members there are.</summary>
    public int Count => _count;

    internal bool IsFull => _taken == _slots.Length;

    /// <summary>The members, and those that have left: null if their connection has ended.</summary>
    internal ReadOnlySpan<Connection?> Slots => _slots.AsSpan(0, _taken);

    internal bool HasLeft(int slot) => Volatile.Read(ref _left[slot]);

    public IEnumerator<Connection> GetEnumerator()
    {
        var taken = _taken;
        for (var slot = 0; slot < taken; slot++)
        {
            if (_slots[slot] is { } member && !HasLeft(slot))
            {
                yield return member;
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <returns>The slot it was given.</returns>
    internal int Add(Connection connection)
    {
        var slot = _taken;
        _slots[slot] = connection;
        _taken = slot + 1; // after the slot is filled, for those who read meanwhile
        _count++;
        return slot;
    }

    /// <param name="slot">The member's slot.</param>
    /// <param name="ended">Whether the connection has ended, so that nothing is written to it any more, and nothing here may hold it.</param>
    internal void Remove(int slot, bool ended)
    {
        Volatile.Write(ref _left[slot], true);
        if (ended)
        {
            _slots[slot] = null;
        }

        _count--;
    }
}
