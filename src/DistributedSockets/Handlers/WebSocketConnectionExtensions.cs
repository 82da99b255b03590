using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Shorter forms of <see cref="WebSocketConnection.SendAsync"/>, which promise what it promises.</summary>
public static class WebSocketConnectionExtensions
{
    /// <summary>Queues a text message for this client.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendAsync(this WebSocketConnection connection, string text, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.SendAsync(WebSocketMessage.Text(text), cancellationToken);
    }

    /// <summary>Queues a binary message for this client.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="data">The payload; copied before the call returns.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendAsync(this WebSocketConnection connection, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.SendAsync(WebSocketMessage.Binary(data), cancellationToken);
    }

    /// <summary>Queues a value in JSON for this client.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="connection">The connection.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    public static ValueTask SendAsync<T>(
        this WebSocketConnection connection, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.SendAsync(new(JsonSerializer.SerializeToUtf8Bytes(value, jsonTypeInfo), WebSocketMessageType.Text), cancellationToken);
    }
}
