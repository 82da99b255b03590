namespace DistributedSockets;

/// <summary>What changed about a user.</summary>
public enum PresenceChangeKind
{
    /// <summary>The first connection of the user began, anywhere in the cluster.</summary>
    CameOnline,

    /// <summary>The last connection of the user ended, or the node that held it was lost.</summary>
    WentOffline,

    /// <summary>The first connection of the user joined the group.</summary>
    EnteredGroup,

    /// <summary>The last connection of the user that was in the group left it or ended.</summary>
    LeftGroup,
}
