using System.Text.Json.Serialization;

namespace DistributedSockets;

/// <summary>What the value of a session holds; connection, hub and node stand in its key and field.</summary>
internal sealed record RedisSessionRecord
{
    [JsonPropertyName("u")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? UserId { get; init; }

    [JsonPropertyName("t")]
    public DateTimeOffset ConnectedAt { get; init; }

    [JsonPropertyName("g")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Groups { get; init; }
}
