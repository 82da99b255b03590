namespace DistributedSockets;

/// <summary>What changed in a session.</summary>
public enum SessionChangeKind
{
    /// <summary>The connection was accepted, or is written again with all of its groups and properties.</summary>
    Saved,

    /// <summary>The connection joined a group.</summary>
    GroupAdded,

    /// <summary>The connection left a group.</summary>
    GroupRemoved,

    /// <summary>The connection ended.</summary>
    Ended,

    /// <summary>The properties of the connection were set. Its groups are as they were.</summary>
    PropertiesSet,
}
