using System.Text.Json;
using System.Text.Json.Serialization;
using System.Text.Json.Serialization.Metadata;
using System.Text.Unicode;

namespace DistributedSockets;

[JsonSourceGenerationOptions(DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(PresenceEntry))]
[JsonSerializable(typeof(PresenceLedger))]
internal sealed partial class PresenceJson : JsonSerializerContext
{
    /// <summary>Reads what may be anything; null if it is no record. Why is not told, as the reader's message repeats what it read.</summary>
    internal static T? Read<T>(PresenceRecord? record, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return record is not null && Utf8.IsValid(record.Value.Span) ? JsonSerializer.Deserialize(record.Value.Span, type) : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}
