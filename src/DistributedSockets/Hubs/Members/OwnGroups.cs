namespace DistributedSockets;

/// <summary>The groups of one connection, and its membership in each; guarded by a lock on its joins.</summary>
/// <remarks>A few are a chain, which costs no memory of its own: most connections are in few groups. Many have an index.</remarks>
internal struct OwnGroups
{
    private const int Few = 8;

    private object? _held; // nothing, the first of a chain, or the index

    internal readonly int Count
    {
        get
        {
            if (_held is Dictionary<string, Membership> index)
            {
                return index.Count;
            }

            var count = 0;
            for (var membership = First; membership is not null; membership = membership.Next)
            {
                count++;
            }

            return count;
        }
    }

    private readonly Membership? First => _held as Membership;

    internal readonly bool Contains(string group) => Find(group) is not null;

    internal readonly Membership? Find(string group)
    {
        if (_held is Dictionary<string, Membership> index)
        {
            return index.GetValueOrDefault(group);
        }

        var membership = First;
        while (membership is not null && !string.Equals(membership.Set.Name, group, StringComparison.Ordinal))
        {
            membership = membership.Next;
        }

        return membership;
    }

    /// <summary>Adds a membership in a group that is not among them.</summary>
    internal void Add(Membership membership)
    {
        if (_held is Dictionary<string, Membership> index)
        {
            index.Add(membership.Set.Name, membership);
        }
        else if (Count < Few)
        {
            membership.Next = First;
            _held = membership;
        }
        else
        {
            _held = Index();
            Add(membership);
        }
    }

    /// <summary>Takes out the membership in a group, if there is one.</summary>
    internal Membership? Take(string group)
    {
        if (_held is Dictionary<string, Membership> index)
        {
            index.Remove(group, out var indexed);
            _held = index.Count == 0 ? null : index;
            return indexed;
        }

        if (Find(group) is not { } taken)
        {
            return null;
        }

        if (taken == First)
        {
            _held = taken.Next;
        }
        else
        {
            var before = First!; // there is one before it
            while (before.Next != taken)
            {
                before = before.Next!; // up to the one that was found
            }

            before.Next = taken.Next;
        }

        taken.Next = null;
        return taken;
    }

    /// <summary>Takes out all of them.</summary>
    internal Membership[] TakeAll()
    {
        Membership[] all;
        if (_held is Dictionary<string, Membership> index)
        {
            all = [.. index.Values];
        }
        else
        {
            all = Count == 0 ? [] : new Membership[Count];
            var membership = First;
            for (var i = 0; i < all.Length; i++)
            {
                all[i] = membership!; // as many as were counted
                (membership, membership!.Next) = (membership.Next, null);
            }
        }

        _held = null;
        return all;
    }

    /// <summary>The names, in no particular order.</summary>
    internal readonly string[] Names()
    {
        if (_held is Dictionary<string, Membership> index)
        {
            return [.. index.Keys];
        }

        string[] names = Count == 0 ? [] : new string[Count];
        var membership = First;
        for (var i = 0; i < names.Length; i++)
        {
            names[i] = membership!.Set.Name; // as many as were counted
            membership = membership.Next;
        }

        return names;
    }

    private readonly Dictionary<string, Membership> Index()
    {
        var index = new Dictionary<string, Membership>(2 * Few, StringComparer.Ordinal);
        for (var membership = First; membership is not null;)
        {
            index.Add(membership.Set.Name, membership);
            (membership, membership.Next) = (membership.Next, null);
        }

        return index;
    }
}
