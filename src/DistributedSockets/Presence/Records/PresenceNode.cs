using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>A node in the ledger.</summary>
internal sealed record PresenceNode
{
    /// <summary>How often the node has entered the ledger. What it wrote before it was last taken for lost does not count.</summary>
    [JsonPropertyName("l")]
    public required int Life { get; init; }

    /// <summary>Whether all that the node has stands in the records of this epoch.</summary>
    [JsonPropertyName("c")]
    public bool IsComplete { get; init; }
}
