using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;

namespace DistributedSockets;

/// <summary>What <see cref="JsonWebSocketHandler"/> answers by default to what it cannot do. Written without a serializer, so that the app's settings need not know it.</summary>
internal static class JsonErrorReply
{
    /// <summary>How many characters of what the client wrote are sent back.</summary>
    private const int MaxTypeLength = JsonMethods.MaxTypeLength;

    internal static WebSocketMessage Create(string typeProperty, string code, string? type, string text)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer))
        {
            writer.WriteStartObject();
            writer.WriteString(typeProperty, "error");
            writer.WriteString("code", code);
            if (type is not null)
            {
                writer.WriteString("messageType", type.Length <= MaxTypeLength ? type : Shorten(type));
            }

            writer.WriteString("message", text);
            writer.WriteEndObject();
        }

        return new(buffer.WrittenMemory, WebSocketMessageType.Text);
    }

    /// <summary>Says what is wrong in words for clients: where, but nothing of the app's types.</summary>
    internal static string Describe(InvalidJsonException exception, string typeProperty) =>
        exception is { LineNumber: { } line, BytePositionInLine: { } position }
            ? $"The message is wrong at {(exception.Path is { Length: <= MaxTypeLength } path ? $"{path}, " : "")}line {line + 1}, byte {position + 1}."
            : $"A message is a JSON object with a string \"{typeProperty}\" and what belongs to that type.";

    private static string Shorten(string type) => type[..(char.IsHighSurrogate(type[MaxTypeLength - 1]) ? MaxTypeLength - 1 : MaxTypeLength)] + "…";
}
