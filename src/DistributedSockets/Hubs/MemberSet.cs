namespace DistributedSockets;

/// <summary>A set of local connections, changed under the hub's gate.</summary>
/// <remarks>
/// A change costs the same however many members there are, except for the new list that is made now and then: when the slots are used
/// up, and when a quarter as many have left as there are members. So what those who left hold on to is bounded, too.
/// </remarks>
internal sealed class MemberSet
{
    private const int MinMembersPerLeaver = 4;

    private readonly Dictionary<Connection, int> _slots = [];
    private volatile MemberList _members = MemberList.Empty;

    /// <summary>The channel of a group. Kept, since it has to be given up when the last member leaves, and need not be put together again.</summary>
    internal string Channel { get; init; } = "";

    /// <summary>The members. Changes show in it, but not for ever: ask anew for each send.</summary>
    internal MemberList Members => _members;

    internal int Count => _slots.Count;

    internal void Add(Connection connection)
    {
        if (_slots.ContainsKey(connection))
        {
            return;
        }

        if (_members.IsFull)
        {
            Renew(Math.Max(1, 2 * _slots.Count));
        }

        _slots.Add(connection, _members.Add(connection));
    }

    /// <param name="connection">The connection.</param>
    /// <param name="ended">Whether it has ended, and not only left.</param>
    internal void Remove(Connection connection, bool ended)
    {
        if (!_slots.Remove(connection, out var slot))
        {
            return;
        }

        _members.Remove(slot, ended);
        if ((_members.Slots.Length - _slots.Count) * MinMembersPerLeaver > _slots.Count)
        {
            Renew(_slots.Count);
        }
    }

    private void Renew(int capacity)
    {
        var renewed = new MemberList(capacity);
        foreach (var member in _members)
        {
            _slots[member] = renewed.Add(member);
        }

        _members = renewed;
    }
}
