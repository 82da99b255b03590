namespace DistributedSockets;

/// <summary>What presence a hub keeps. All nodes that hold connections of the hub must agree.</summary>
public enum PresenceScope
{
    /// <summary>None: nothing is written, published or subscribed for it.</summary>
    None,

    /// <summary>Which users are online.</summary>
    Users,

    /// <summary>Which users are online, and which groups they are in.</summary>
    UsersAndGroups,
}
