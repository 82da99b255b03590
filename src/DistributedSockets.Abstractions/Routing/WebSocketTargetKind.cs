namespace DistributedSockets;

/// <summary>What a target names.</summary>
public enum WebSocketTargetKind
{
    /// <summary>Every connection of the hub.</summary>
    All,

    /// <summary>Connections by id.</summary>
    Connections,

    /// <summary>All connections of users.</summary>
    Users,

    /// <summary>All connections in groups.</summary>
    Groups,
}
