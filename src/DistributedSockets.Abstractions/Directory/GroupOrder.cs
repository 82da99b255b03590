namespace DistributedSockets;

/// <summary>The order in which groups are listed.</summary>
public enum GroupOrder
{
    /// <summary>By name, as <see cref="GroupQuery.NameOrder"/> compares names.</summary>
    Name,

    /// <summary>The one with the most connections first; groups with the same number by name.</summary>
    Largest,
}
