namespace DistributedSockets;

/// <summary>That a connection is in a set, and where it stands there: so it leaves without a search.</summary>
internal sealed class Membership
{
    private volatile MemberPart? _part;

    internal MemberSet Set => Part.Set;

    /// <summary>The part it stands in. Changed under the locks of both, so it is certain only to those who hold that part's lock.</summary>
    internal MemberPart Part
    {
        get => _part!; // set before anybody else gets to see this
        set => _part = value;
    }

    /// <summary>Its slot there; guarded by the lock of the part.</summary>
    internal int Slot { get; set; }

    /// <summary>The next one in the chain of the connection's groups; <see cref="OwnGroups"/> sees to it.</summary>
    internal Membership? Next { get; set; }
}
