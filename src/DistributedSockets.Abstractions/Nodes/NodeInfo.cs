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

    /// <summary>How the node maps users and groups to channels; <see langword="null"/> if the session store does not tell.</summary>
    /// <value><c>interest</c>, <c>broadcast</c>, or a fingerprint of another <see cref="IRoutingStrategy"/>.</value>
    public string? Routing { get; init; }
}
