namespace DistributedSockets;

/// <summary>Whether announcements of a node are missing.</summary>
internal enum PresenceHole
{
    /// <summary>None is.</summary>
    None,

    /// <summary>The node has announced something before it was first heard, and that may be older than the snapshot or not.</summary>
    Possible,

    /// <summary>At least one is.</summary>
    Certain,
}
