using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>What the value of a node holds; its id is the field.</summary>
internal sealed record RedisNodeRecord
{
    [JsonPropertyName("n")]
    public string Name { get; init; } = "";

    [JsonPropertyName("t")]
    public DateTimeOffset StartedAt { get; init; }
}
