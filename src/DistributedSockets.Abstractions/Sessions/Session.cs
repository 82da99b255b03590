using System.Collections.ObjectModel;

namespace DistributedSockets;

/// <summary>The record of one connection in the session store.</summary>
public sealed record Session
{
    /// <summary>The hub of the connection.</summary>
    public required string Hub { get; init; }

    /// <summary>The connection id. An address for sends, not a credential.</summary>
    public required string ConnectionId { get; init; }

    /// <summary>The id of the node that holds the connection.</summary>
    public required string NodeId { get; init; }

    /// <summary>The user of the connection, or <see langword="null"/> for an anonymous one.</summary>
    public string? UserId { get; init; }

    /// <summary>When the connection was accepted, by its node's clock.</summary>
    public required DateTimeOffset ConnectedAt { get; init; }

    /// <summary>The groups of the connection, in no particular order.</summary>
    public IReadOnlyList<string> Groups { get; init; } = [];

    /// <summary>The app's own properties of the connection, such as a display name or a status, within the limits of <see cref="SessionProperties"/>.</summary>
    public IReadOnlyDictionary<string, string> Properties { get; init; } = ReadOnlyDictionary<string, string>.Empty;
}
