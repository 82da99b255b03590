namespace DistributedSockets;

/// <summary>A set of local connections. Members come and go at the same cost however many there are, and many at once do not wait for each other.</summary>
/// <remarks>
/// A small set is one part. A large one has several that take new members, by thread, and any number of full ones; a part has a lock of its
/// own. A part is replaced when it is full or wastes slots, so a change costs at most a copy of one part, and that seldom.
/// </remarks>
internal sealed class MemberSet(string name)
{
    /// <summary>The most members of a part.</summary>
    internal const int MaxPart = 1_024;

    private const int MinOpenPart = 128;
    private const int MembersPerHole = 4;
    private const double HoleRoom = 1 + (1.0 / MembersPerHole);
    private const int Ended = -1;

    private volatile MemberList _members = MemberList.Empty;
    private int _count;

    /// <summary>The user or group.</summary>
    internal string Name => name;

    /// <summary>The channel of a group. Kept, since it has to be given up when the last member leaves, and need not be put together again.</summary>
    internal string Channel { get; init; } = "";

    /// <summary>The members. Changes show in it, but not for ever: ask anew for each send.</summary>
    internal MemberList Members => _members;

    internal int Count => Math.Max(0, Volatile.Read(ref _count));

    /// <summary>Adds a connection that is not a member.</summary>
    /// <returns>What to leave with; null if the set has ended.</returns>
    internal Membership? Add(Connection connection)
    {
        for (var count = Volatile.Read(ref _count); ; count = Volatile.Read(ref _count))
        {
            if (count == Ended)
            {
                return null;
            }

            if (Interlocked.CompareExchange(ref _count, count + 1, count) == count)
            {
                break;
            }
        }

        var membership = new Membership();
        while (true)
        {
            var members = _members;
            var open = members.Open;
            var index = Environment.CurrentManagedThreadId & (open.Length - 1);
            if (open.Length > 0 && open[index].TryAdd(connection, membership))
            {
                return membership;
            }

            MakeRoom(members, index);
        }
    }

    /// <summary>Lets go of a member.</summary>
    /// <param name="membership">What <see cref="Add"/> returned.</param>
    /// <param name="ended">Whether the connection has ended, and not only left.</param>
    /// <param name="endsSet">Whether the set ends with its last member.</param>
    /// <returns>Whether it has ended.</returns>
    internal bool Remove(Membership membership, bool ended, bool endsSet = true)
    {
        MemberPart part;
        do
        {
            part = membership.Part;
        }
        while (!part.TryRemove(membership, ended));

        if (Interlocked.Decrement(ref _count) == 0 && endsSet && Interlocked.CompareExchange(ref _count, Ended, 0) == 0)
        {
            return true;
        }

        if (WastesSlots(_members, part))
        {
            SaveSlots(part);
        }

        return false;
    }

    /// <summary>Whether so many have left that a part is to be made anew. One that new members may still fill is allowed more, if it is one of many.</summary>
    private bool WastesSlots(MemberList members, MemberPart part)
    {
        var holes = part.Holes * MembersPerHole;
        return holes > part.Count && (members.Open.Length == 1 || holes * MemberList.MaxOpen > Count || !members.Open.Contains(part));
    }

    /// <summary>Makes room for a new member where there was none in a list.</summary>
    private void MakeRoom(MemberList members, int index)
    {
        lock (this)
        {
            if (_members != members)
            {
                return; // somebody else has
            }

            if (members.Open.IsEmpty)
            {
                MemberPart[] first = [new(this, 1)];
                _members = new([], first);
            }
            else if (members.Open[index] is { Count: <= MaxPart / 4 * 3 } sparse)
            {
                Replace(members, sparse, 2); // for twice as many
            }
            else if (members.Open.Length == 1)
            {
                MemberPart[] open = [.. Enumerable.Range(0, MemberList.MaxOpen).Select(_ => new MemberPart(this, MinOpenPart))];
                _members = new([.. members.Open], open);
            }
            else
            {
                var open = members.Open.ToArray();
                open[index] = new(this, MinOpenPart);
                _members = new([.. members.Full, members.Open[index]], open);
            }
        }
    }

    private void SaveSlots(MemberPart part)
    {
        lock (this)
        {
            var members = _members;
            if ((!members.Open.Contains(part) && !members.Full.Contains(part)) || !WastesSlots(members, part))
            {
                return; // somebody else has
            }

            if (members.Open.Length == 1 || Count > MaxPart / 4 || !TryJoin(members))
            {
                Replace(members, part, HoleRoom);
            }
        }
    }

    /// <summary>Has another part take the place of one.</summary>
    /// <param name="members">The list as it is.</param>
    /// <param name="part">One of its parts.</param>
    /// <param name="room">For how many times as many members there is to be room, if it takes new ones.</param>
    private void Replace(MemberList members, MemberPart part, double room)
    {
        lock (part)
        {
            var isOpen = members.Open.Contains(part);
            if (!isOpen && part.Count == 0)
            {
                _members = members.With(part, null); // it was full, so nobody adds to it
                return;
            }

            var replacement = new MemberPart(this, isOpen ? WithRoom(part.Count, room, members.Open.Length == 1 ? 1 : MinOpenPart) : part.Count);
            lock (replacement)
            {
                part.MoveToLocked(replacement);
                _members = members.With(part, replacement); // before the locks are given up: who has left by then is in no list that is got later
            }
        }
    }

    /// <summary>Makes one part of a set that has become small, unless it has grown meanwhile.</summary>
    private bool TryJoin(MemberList members)
    {
        MemberPart[] parts = [.. members.Full, .. members.Open];
        var locked = 0;
        try
        {
            var count = 0;
            foreach (var part in parts)
            {
                Monitor.Enter(part);
                locked++;
                count += part.Count;
            }

            if (count > MaxPart / 2)
            {
                return false;
            }

            var joined = new MemberPart(this, WithRoom(count, HoleRoom, 1));
            lock (joined)
            {
                foreach (var part in parts)
                {
                    part.MoveToLocked(joined);
                }

                _members = new([], [joined]);
            }

            return true;
        }
        finally
        {
            foreach (var part in parts.AsSpan(0, locked))
            {
                Monitor.Exit(part);
            }
        }
    }

    private static int WithRoom(int members, double room, int least) => Math.Clamp((int)(members * room) + 1, least, MaxPart);
}
