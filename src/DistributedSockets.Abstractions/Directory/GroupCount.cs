namespace DistributedSockets;

/// <summary>A group and how many connections are in it.</summary>
public sealed record GroupCount
{
    /// <summary>The group.</summary>
    public required string Group { get; init; }

    /// <summary>How many connections of the cluster are in it, 1 or more.</summary>
    public required long Connections { get; init; }
}
