using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Shorter forms of what <see cref="WebSocketConnection"/> sends, which promise what it promises.</summary>
public static class WebSocketConnectionExtensions
{
    /// <summary>Queues a value for this client: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="connection">The connection.</param>
    /// <param name="value">The value; copied before the call returns.</param>
    /// <param name="cancellationToken">Refuses the call when already cancelled.</param>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendAsync<T>(this WebSocketConnection connection, T value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.SendAsync(ValueMessage.Of(value, null, connection.JsonOptions), cancellationToken);
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
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return connection.SendAsync(ValueMessage.Of(value, jsonTypeInfo, connection.JsonOptions), cancellationToken);
    }

    /// <summary>Waits until half of this client's queue is free, then queues a value as <see cref="SendAsync{T}(WebSocketConnection, T, CancellationToken)"/> does.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="connection">The connection.</param>
    /// <param name="value">The value; copied before the call returns.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is queued then.</param>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the connection ends: there is nobody left to stream to.</exception>
    public static ValueTask SendWhenRoomAsync<T>(this WebSocketConnection connection, T value, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return connection.SendWhenRoomAsync(ValueMessage.Of(value, null, connection.JsonOptions), cancellationToken);
    }

    /// <summary>Waits until half of this client's queue is free, then queues a value in JSON.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="connection">The connection.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait; nothing is queued then.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled, or the connection ends: there is nobody left to stream to.</exception>
    public static ValueTask SendWhenRoomAsync<T>(
        this WebSocketConnection connection, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return connection.SendWhenRoomAsync(ValueMessage.Of(value, jsonTypeInfo, connection.JsonOptions), cancellationToken);
    }
}
