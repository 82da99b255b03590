using System.Collections.ObjectModel;
using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>What the value of a session holds. Names in its key may be hashed, so all of them stand here.</summary>
internal sealed record NatsSessionRecord
{
    [JsonPropertyName("n")]
    public string NodeId { get; init; } = "";

    [JsonPropertyName("h")]
    public string Hub { get; init; } = "";

    [JsonPropertyName("c")]
    public string ConnectionId { get; init; } = "";

    [JsonPropertyName("u")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? UserId { get; init; }

    [JsonPropertyName("t")]
    public DateTimeOffset ConnectedAt { get; init; }

    [JsonPropertyName("g")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyList<string>? Groups { get; init; }

    [JsonPropertyName("p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public IReadOnlyDictionary<string, string>? Properties { get; init; }

    /// <summary>Whether the session is in more groups than stand here, as the server takes no larger record.</summary>
    [JsonPropertyName("m")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool HasMoreGroups { get; init; }

    /// <param name="nodeId">The node's id.</param>
    /// <param name="session">The session.</param>
    /// <param name="maxBytes">What the server takes: of groups beyond it, as many are written as fit.</param>
    /// <param name="isCut">Whether some were left out.</param>
    internal static byte[] Write(string nodeId, Session session, int maxBytes, out bool isCut)
    {
        var record = new NatsSessionRecord
        {
            NodeId = nodeId,
            Hub = session.Hub,
            ConnectionId = session.ConnectionId,
            UserId = session.UserId,
            ConnectedAt = session.ConnectedAt,
            Groups = session.Groups.Count == 0 ? null : session.Groups,
            Properties = session.Properties.Count == 0 ? null : session.Properties,
        };
        var written = record.Write();
        isCut = written.Length > maxBytes && record.Groups is not null;
        if (!isCut)
        {
            return written;
        }

        var cut = record with { Groups = [], HasMoreGroups = true };
        var left = maxBytes - cut.Write().Length;
        return (cut with { Groups = [.. session.Groups.TakeWhile(name => (left -= JsonEncodedText.Encode(name).EncodedUtf8Bytes.Length + "\"\",".Length) >= 0)] }).Write();
    }

    private byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, NatsSessionJson.Default.NatsSessionRecord);

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static Session? Read(byte[]? value, out bool hasMoreGroups)
    {
        hasMoreGroups = false;
        if (NatsSessionJson.Read(value, NatsSessionJson.Default.NatsSessionRecord) is not
            { NodeId.Length: > 0, Hub.Length: > 0, ConnectionId.Length: > 0 } record || record.Groups?.Contains(null!) == true
            || record.Properties?.Values.Contains(null!) == true)
        {
            return null;
        }

        hasMoreGroups = record.HasMoreGroups;
        return new()
        {
            Hub = record.Hub,
            ConnectionId = record.ConnectionId,
            NodeId = record.NodeId,
            UserId = record.UserId,
            ConnectedAt = record.ConnectedAt,
            Groups = record.Groups ?? [],
            Properties = record.Properties is { Count: > 0 } properties ? properties : ReadOnlyDictionary<string, string>.Empty,
        };
    }
}

/// <summary>What the value of a lease holds. When it was renewed is the server's time of the message.</summary>
internal sealed record NatsLeaseRecord
{
    // Ten years.
    private const long MaxDuration = 315_576_000_000;

    [JsonPropertyName("i")]
    public string NodeId { get; init; } = "";

    [JsonPropertyName("n")]
    public string Name { get; init; } = "";

    [JsonPropertyName("t")]
    public DateTimeOffset StartedAt { get; init; }

    /// <summary>How the node maps users and groups to channels.</summary>
    [JsonPropertyName("r")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Routing { get; init; }

    /// <summary>Over what the node hears others.</summary>
    [JsonPropertyName("b")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Backplane { get; init; }

    /// <summary>How the node seals envelopes.</summary>
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

    /// <summary>Which presence the node keeps for its hubs.</summary>
    [JsonPropertyName("h")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Presence { get; init; }

    /// <summary>What the node logs of its hubs.</summary>
    [JsonPropertyName("l")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)]
    public string? Log { get; init; }

    /// <summary>How long the lease lasts, in milliseconds.</summary>
    [JsonPropertyName("d")]
    public long Duration { get; init; }

    /// <summary>Whether a commit wrote it because there was none: the renewal still says that it was taken anew.</summary>
    [JsonPropertyName("p")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsProvisional { get; init; }

    /// <summary>Whether the lease ran out and its sessions are being claimed.</summary>
    [JsonPropertyName("x")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool IsLost { get; init; }

    internal static long DurationOf(TimeSpan expiry) => Math.Clamp((long)Math.Ceiling(expiry.TotalMilliseconds), 0, MaxDuration);

    internal byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, NatsSessionJson.Default.NatsLeaseRecord);

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static NatsLeaseRecord? Read(byte[]? value) =>
        NatsSessionJson.Read(value, NatsSessionJson.Default.NatsLeaseRecord) is { NodeId.Length: > 0, Name: not null, Duration: >= 0 and <= MaxDuration } record ? record : null;
}

/// <summary>What the value of a group's size on one node holds. The name in its key may be hashed, so it stands here.</summary>
internal sealed record NatsGroupRecord
{
    [JsonPropertyName("g")]
    public string Group { get; init; } = "";

    [JsonPropertyName("n")]
    public long Connections { get; init; }

    // More than any node can hold, and little enough for the sum of all.
    private const long MaxConnections = 1_000_000_000;

    internal byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, NatsSessionJson.Default.NatsGroupRecord);

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static NatsGroupRecord? Read(byte[]? value) =>
        NatsSessionJson.Read(value, NatsSessionJson.Default.NatsGroupRecord) is { Group.Length: > 0, Connections: > 0 and <= MaxConnections } record ? record : null;
}

[JsonSerializable(typeof(NatsSessionRecord))]
[JsonSerializable(typeof(NatsGroupRecord))]
[JsonSerializable(typeof(NatsLeaseRecord))]
internal sealed partial class NatsSessionJson : JsonSerializerContext
{
    /// <summary>Reads what may be anything; null if it is no record. Why is not told, as the reader's message repeats what it read.</summary>
    internal static T? Read<T>(byte[]? value, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return value is not null && Utf8.IsValid(value) ? JsonSerializer.Deserialize(value, type) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
