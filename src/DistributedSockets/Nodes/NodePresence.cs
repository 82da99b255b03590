namespace DistributedSockets;

/// <summary>What the session store says of a node.</summary>
internal enum NodePresence
{
    /// <summary>Nothing that could be relied on.</summary>
    Unknown,

    /// <summary>It holds a lease.</summary>
    Lives,

    /// <summary>It holds no lease, while others do.</summary>
    Gone,
}
