using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>A change that a node is to tell.</summary>
internal sealed class UntoldChange
{
    [JsonPropertyName("n")]
    public required string NodeId { get; set; }

    /// <summary>The node's own number of it: so a change that is found again is known.</summary>
    [JsonPropertyName("c")]
    public long Number { get; set; }

    [JsonPropertyName("o")]
    public bool IsPresent { get; set; }
}
