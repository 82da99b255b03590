using System.Net.WebSockets;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Makes a message of a value.</summary>
internal static class ValueMessage
{
    /// <summary>Strings become text, bytes become binary, all else a text in JSON.</summary>
    /// <param name="value">The value; bytes are borrowed.</param>
    /// <param name="jsonTypeInfo">How to write it; null for the settings.</param>
    /// <param name="json">The settings.</param>
    /// <exception cref="NotSupportedException">The settings do not know the type.</exception>
    internal static WebSocketMessage Of<T>(T value, JsonTypeInfo<T>? jsonTypeInfo, JsonSerializerOptions json)
    {
        switch (value)
        {
            case string text:
                return WebSocketMessage.Text(text);
            case byte[] bytes:
                return WebSocketMessage.Binary(bytes);
            case ReadOnlyMemory<byte> memory:
                return WebSocketMessage.Binary(memory);
            case Memory<byte> memory:
                return WebSocketMessage.Binary(memory);
            case WebSocketMessage message:
                return message;
            default:
                jsonTypeInfo ??= (JsonTypeInfo<T>)json.GetTypeInfo(typeof(T));
                return new(JsonSerializer.SerializeToUtf8Bytes(value, jsonTypeInfo), WebSocketMessageType.Text);
        }
    }
}
