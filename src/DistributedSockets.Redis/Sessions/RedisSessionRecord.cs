using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using StackExchange.Redis;

namespace DistributedSockets;

/// <summary>What the value of a session holds; connection, hub and node stand in its key and field, and its groups in a set of their own.</summary>
internal sealed record RedisSessionRecord
{
    [JsonPropertyName("u")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? UserId { get; init; }

    [JsonPropertyName("t")]
    public DateTimeOffset ConnectedAt { get; init; }

    [JsonPropertyName("p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Properties { get; init; }

    internal static RedisValue Write(Session session) => JsonSerializer.SerializeToUtf8Bytes(
        new RedisSessionRecord
        {
            UserId = session.UserId,
            ConnectedAt = session.ConnectedAt,
            Properties = session.Properties.Count == 0 ? null : session.Properties,
        },
        RedisSessionJson.Default.RedisSessionRecord);

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static Session? Read(string nodeId, string hub, string connectionId, RedisValue value, IReadOnlyList<string> groups) =>
        RedisSessionJson.Read(value, RedisSessionJson.Default.RedisSessionRecord) is { } record && record.Properties?.Values.Contains(null!) != true
            ? new()
            {
                Hub = hub,
                ConnectionId = connectionId,
                NodeId = nodeId,
                UserId = record.UserId,
                ConnectedAt = record.ConnectedAt,
                Groups = groups,
                Properties = record.Properties is { Count: > 0 } properties ? properties : ReadOnlyDictionary<string, string>.Empty,
            }
            : null;
}
