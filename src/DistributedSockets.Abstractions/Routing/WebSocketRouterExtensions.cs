using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Shorter forms of <see cref="IWebSocketRouter.SendAsync(WebSocketTarget, WebSocketMessage, SendOptions, CancellationToken)"/>, which promise what it promises.</summary>
/// <remarks>
/// They tell nothing of what came of the send, so that a handler or an endpoint may return their task as it is. To learn it, or to leave
/// connections out, send with <see cref="SendOptions"/>; to reach several users, groups or connections, send to a
/// <see cref="WebSocketTarget"/> of them.
/// </remarks>
public static class WebSocketRouterExtensions
{
    /// <summary>Sends a message to a target.</summary>
    /// <param name="router">The router.</param>
    /// <param name="target">Who gets it.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendAsync(
        this IWebSocketRouter router, WebSocketTarget target, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(target, message, default, cancellationToken));

    /// <summary>Sends a value to a target: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="target">Who gets it.</param>
    /// <param name="value">The value. Byte memory is borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendAsync<T>(
        this IWebSocketRouter router, WebSocketTarget target, T value, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(target, value, default, null, cancellationToken));

    /// <summary>Sends a value in JSON to a target.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="target">Who gets it.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendAsync<T>(
        this IWebSocketRouter router, WebSocketTarget target, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return WithoutResult(Checked(router).SendAsync(target, value, default, jsonTypeInfo, cancellationToken));
    }

    /// <summary>Sends a message to every connection of the hub.</summary>
    /// <param name="router">The router.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToAllAsync(
        this IWebSocketRouter router, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.All, message, default, cancellationToken));

    /// <summary>Sends a value to every connection of the hub: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="value">The value. Byte memory is borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendToAllAsync<T>(
        this IWebSocketRouter router, T value, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.All, value, default, null, cancellationToken));

    /// <summary>Sends a value in JSON to every connection of the hub.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToAllAsync<T>(
        this IWebSocketRouter router, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return WithoutResult(Checked(router).SendAsync(WebSocketTarget.All, value, default, jsonTypeInfo, cancellationToken));
    }

    /// <summary>Sends a message to one connection, wherever it lives.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToConnectionAsync(
        this IWebSocketRouter router, string connectionId, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), message, default, cancellationToken));

    /// <summary>Sends a value to one connection, wherever it lives: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="value">The value. Byte memory is borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendToConnectionAsync<T>(
        this IWebSocketRouter router, string connectionId, T value, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), value, default, null, cancellationToken));

    /// <summary>Sends a value in JSON to one connection, wherever it lives.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToConnectionAsync<T>(
        this IWebSocketRouter router, string connectionId, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return WithoutResult(Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), value, default, jsonTypeInfo, cancellationToken));
    }

    /// <summary>Sends a message to all connections of a user.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToUserAsync(
        this IWebSocketRouter router, string userId, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.User(userId), message, default, cancellationToken));

    /// <summary>Sends a value to all connections of a user: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="value">The value. Byte memory is borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendToUserAsync<T>(
        this IWebSocketRouter router, string userId, T value, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.User(userId), value, default, null, cancellationToken));

    /// <summary>Sends a value in JSON to all connections of a user.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToUserAsync<T>(
        this IWebSocketRouter router, string userId, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return WithoutResult(Checked(router).SendAsync(WebSocketTarget.User(userId), value, default, jsonTypeInfo, cancellationToken));
    }

    /// <summary>Sends a message to all connections in a group.</summary>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToGroupAsync(
        this IWebSocketRouter router, string group, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.Group(group), message, default, cancellationToken));

    /// <summary>Sends a value to all connections in a group: strings as text, <c>byte[]</c> and byte memory as binary, all else in JSON by the configured settings.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="value">The value. Byte memory is borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    /// <exception cref="NotSupportedException">The serializer settings do not know <typeparamref name="T"/>.</exception>
    public static ValueTask SendToGroupAsync<T>(
        this IWebSocketRouter router, string group, T value, CancellationToken cancellationToken = default) =>
        WithoutResult(Checked(router).SendAsync(WebSocketTarget.Group(group), value, default, null, cancellationToken));

    /// <summary>Sends a value in JSON to all connections in a group.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="value">The value.</param>
    /// <param name="jsonTypeInfo">How to write it.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToGroupAsync<T>(
        this IWebSocketRouter router, string group, T value, JsonTypeInfo<T> jsonTypeInfo, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(jsonTypeInfo);
        return WithoutResult(Checked(router).SendAsync(WebSocketTarget.Group(group), value, default, jsonTypeInfo, cancellationToken));
    }

    private static IWebSocketRouter Checked(IWebSocketRouter router)
    {
        ArgumentNullException.ThrowIfNull(router);
        return router;
    }

    /// <summary>Awaits a send without allocating, also where the backplane takes its time.</summary>
    private static ValueTask WithoutResult(ValueTask<SendResult> send)
    {
        if (!send.IsCompletedSuccessfully)
        {
            return AwaitAsync(send);
        }

        _ = send.Result; // which gives back what stands behind it
        return ValueTask.CompletedTask;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private static async ValueTask AwaitAsync(ValueTask<SendResult> send) => await send.ConfigureAwait(false);
}
