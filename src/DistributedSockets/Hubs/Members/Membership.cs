namespace DistributedSockets;

/// <summary>That a connection is in a set, and where it stands there: so it leaves without a search.</summary>
internal sealed class Membership(MemberSet set)
{
    private volatile MemberPart? _part;

    internal MemberSet Set => set;

    /// <summary>The part it stands in. Changed under the locks of both, so it is certain only to those who hold that part's lock.</summary>
    internal MemberPart Part
    {
        get => _part!; // set before anybody else gets to see this
        set => _part = value;
    }

    /// <summary>Its slot there; guarded by the lock of the part.</summary>
    internal int Slot { get; set; }
}
