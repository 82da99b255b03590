namespace DistributedSockets;

/// <summary>Deals out the slots of a list, share by share. Not to several threads at once.</summary>
internal struct MemberShares
{
    private MemberList? _members; // null once nothing is left
    private int _part;
    private int _slot;

    internal MemberShares(MemberList members)
    {
        _members = members;
        PassEmptyParts();
    }

    internal readonly bool IsEmpty => _members is null;

    /// <summary>Takes the next slots, all of one part; none if nothing is left.</summary>
    /// <param name="most">How many at most.</param>
    internal ReadOnlySpan<MemberSlot> Take(int most)
    {
        if (_members is null)
        {
            return [];
        }

        var left = Part(_members).Slots[_slot..];
        var share = left[..Math.Min(most, left.Length)];
        _slot += share.Length;
        PassEmptyParts();
        return share;
    }

    /// <summary>Goes on to the next part that has something left. What is added to a part behind this is another fan-out's to write.</summary>
    private void PassEmptyParts()
    {
        while (_members is not null)
        {
            if (_part == _members.Full.Length + _members.Open.Length)
            {
                _members = null;
            }
            else if (_slot < Part(_members).Slots.Length)
            {
                return;
            }
            else
            {
                _part++;
                _slot = 0;
            }
        }
    }

    private readonly MemberPart Part(MemberList members) => _part < members.Full.Length ? members.Full[_part] : members.Open[_part - members.Full.Length];
}
