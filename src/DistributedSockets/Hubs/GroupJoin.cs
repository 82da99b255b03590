namespace DistributedSockets;

/// <summary>What came of adding a connection to a group.</summary>
internal enum GroupJoin
{
    /// <summary>It is a member now.</summary>
    Joined,

    /// <summary>It was a member already.</summary>
    WasMember,

    /// <summary>It has ended meanwhile.</summary>
    Gone,

    /// <summary>It is in as many groups as it may be.</summary>
    TooMany,
}
