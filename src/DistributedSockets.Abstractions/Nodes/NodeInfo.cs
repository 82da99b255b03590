namespace DistributedSockets;

/// <summary>One running process of the cluster.</summary>
/// <remarks>Nodes are told apart by <see cref="NodeId"/>.</remarks>
public sealed record NodeInfo
{
    /// <summary>The node's id, new at each start: the first part of its connections' ids.</summary>
    public required string NodeId { get; init; }

    /// <summary>The node's configured name, for people; names may repeat.</summary>
    public required string Name { get; init; }

    /// <summary>When the node started, by its own clock.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>The version of DistributedSockets that the node runs; <see langword="null"/> if the session store does not tell.</summary>
    /// <value>At most 64 characters, such as <c>1.2.0</c> or <c>1.3.0-beta.1</c>.</value>
    public string? Version { get; init; }

    /// <summary>The version of the app: that of the assembly the process was started with; <see langword="null"/> if it has none, or the session store does not tell.</summary>
    /// <value>At most 64 characters.</value>
    public string? AppVersion { get; init; }

    /// <summary>What the node measured at its last heartbeat; <see langword="null"/> if the session store does not tell, and in the node's own services.</summary>
    public NodeFigures? Figures { get; init; }

    /// <summary>How the node maps users and groups to channels; <see langword="null"/> if the session store does not tell.</summary>
    /// <value><c>interest</c> or <c>broadcast</c>, as in <see cref="DistributedWebSocketsClusterOptions.Routing"/>, or one that a later version has added.</value>
    public string? Routing { get; init; }

    /// <summary>
    /// Over what the node hears others; <see langword="null"/> if the session store does not tell, and in the node's own services.
    /// </summary>
    /// <value>The <see cref="IBackplane.System"/> of its backplane and, where there is one, its <see cref="IBackplane.Reach"/>.</value>
    public string? Backplane { get; init; }

    /// <summary>
    /// How the node seals envelopes; <see langword="null"/> if the session store does not tell, and in the node's own services.
    /// </summary>
    /// <value><c>clear</c>, or the ids of its keys, which tell nothing about the keys, that of the sealing one first.</value>
    public string? Sealing { get; init; }

    /// <summary>
    /// Which presence the node keeps for the hubs whose connections it holds; <see langword="null"/> if it holds none or the session store does
    /// not tell, and in the node's own services.
    /// </summary>
    /// <value>For each hub its name, <c>=</c> and <c>none</c>, <c>users</c> or <c>groups</c>, with commas between, such as <c>chat=users,game=none</c>.</value>
    public string? Presence { get; init; }

    /// <summary>
    /// What the node logs of the hubs that it has to do with, and how long it is kept; <see langword="null"/> if it has to do with none or the
    /// session store does not tell, and in the node's own services.
    /// </summary>
    /// <value>
    /// For each hub its name, <c>=</c> and <c>off</c>, or what keeps its log and eight digits that stand for its settings, with commas between, such as
    /// <c>chat=redis:5f0c12ab,game=off</c>.
    /// </value>
    public string? Log { get; init; }
}
