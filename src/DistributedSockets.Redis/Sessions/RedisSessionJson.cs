using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;
using StackExchange.Redis;

namespace DistributedSockets;

[JsonSerializable(typeof(RedisSessionRecord))]
[JsonSerializable(typeof(RedisNodeRecord))]
internal sealed partial class RedisSessionJson : JsonSerializerContext
{
    /// <summary>Reads what may be anything; null if it is no record. Why is not told, as the reader's message repeats what it read.</summary>
    internal static T? Read<T>(RedisValue value, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            // Checked first: invalid bytes would be repeated in the exception's message, many times their size.
            return (byte[]?)value is { } bytes && Utf8.IsValid(bytes) ? JsonSerializer.Deserialize(bytes, type) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
