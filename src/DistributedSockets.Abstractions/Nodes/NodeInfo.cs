namespace DistributedSockets;

/// <summary>One running process of the cluster.</summary>
public sealed record NodeInfo
{
    /// <summary>The node's id, new at each start: the first part of its connections' ids.</summary>
    public required string NodeId { get; init; }

    /// <summary>The node's configured name, for people; names may repeat.</summary>
    public required string Name { get; init; }

    /// <summary>When the node started, by its own clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }
}
