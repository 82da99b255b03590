using System.Buffers;
using System.Net.WebSockets;
using System.Text.Json;

namespace DistributedSockets;

/// <summary>A whole message of a client, in an array of the shared pool. Whoever holds it releases it once.</summary>
/// <param name="array">The array; none for an empty message.</param>
/// <param name="length">How many of its bytes are the message.</param>
/// <param name="type">Text or binary.</param>
/// <param name="json">How to read it as JSON.</param>
/// <param name="start">Where in the array it begins.</param>
/// <param name="id">The id under which the client of a session wants to hear that it was handled; null if it does not.</param>
internal readonly struct ReceivedMessage(byte[]? array, int length, WebSocketMessageType type, JsonSerializerOptions json, int start = 0, string? id = null)
{
    internal string? Id => id;

    internal int Length => length;

    /// <summary>Its bytes, until it is released.</summary>
    internal ReadOnlySpan<byte> Bytes => array.AsSpan(start, length);

    /// <summary>The same without its beginning, in which its id stood if it has one.</summary>
    internal ReceivedMessage From(int at, string? messageId) => new(array, length - at, type, json, start + at, messageId);

    /// <summary>The message, until it is released.</summary>
    internal WebSocketMessage Message => new(array.AsMemory(start, length), type, json);

    internal void Release()
    {
        if (array is not null)
        {
            ArrayPool<byte>.Shared.Return(array);
        }
    }
}
