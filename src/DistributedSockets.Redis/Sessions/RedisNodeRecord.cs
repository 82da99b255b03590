using System.Text.Json;
using System.Text.Json.Serialization;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What the value of a node holds; its id is the field.</summary>
internal sealed record RedisNodeRecord
{
    [JsonPropertyName("n")]
    public string Name { get; init; } = "";

    [JsonPropertyName("t")]
    public DateTimeOffset StartedAt { get; init; }

    [JsonPropertyName("r")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Routing { get; init; }

    [JsonPropertyName("b")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Backplane { get; init; }

    [JsonPropertyName("s")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Sealing { get; init; }

    [JsonPropertyName("v")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Version { get; init; }

    [JsonPropertyName("a")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? AppVersion { get; init; }

    [JsonPropertyName("f")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public NodeFigures? Figures { get; init; }

    [JsonPropertyName("p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Presence { get; init; }

    [JsonPropertyName("l")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Log { get; init; }

    internal static RedisValue Write(NodeInfo node) => JsonSerializer.SerializeToUtf8Bytes(
        new RedisNodeRecord
        {
            Name = node.Name,
            StartedAt = node.StartedAt,
            Routing = node.Routing,
            Backplane = node.Backplane,
            Sealing = node.Sealing,
            Version = node.Version,
            AppVersion = node.AppVersion,
            Figures = node.Figures,
            Presence = node.Presence,
            Log = node.Log,
        },
        RedisSessionJson.Default.RedisNodeRecord);

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static NodeInfo? Read(string nodeId, RedisValue value) =>
        RedisSessionJson.Read(value, RedisSessionJson.Default.RedisNodeRecord) is { Name: not null } node
            ? new()
            {
                NodeId = nodeId,
                Name = node.Name,
                StartedAt = node.StartedAt,
                Routing = node.Routing,
                Backplane = node.Backplane,
                Sealing = node.Sealing,
                Version = node.Version,
                AppVersion = node.AppVersion,
                Figures = node.Figures,
                Presence = node.Presence,
                Log = node.Log,
            }
            : null;
}
