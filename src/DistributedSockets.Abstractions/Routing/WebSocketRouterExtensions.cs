using System.Runtime.CompilerServices;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>Shorter forms of <see cref="IWebSocketRouter.SendAsync(WebSocketTarget, WebSocketMessage, CancellationToken)"/>, which promises what they promise.</summary>
/// <remarks>
/// Text, bytes and messages go before values of any type, hence the overload priorities. To exclude connections, send to a <see cref="WebSocketTarget"/> with <see cref="WebSocketTarget.Except"/>.
/// </remarks>
public static class WebSocketRouterExtensions
{
    /// <summary>Sends text to every connection of the hub.</summary>
    /// <param name="router">The router.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToAllAsync(
        this IWebSocketRouter router, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.All, WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to every connection of the hub.</summary>
    /// <param name="router">The router.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToAllAsync(
        this IWebSocketRouter router, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.All, WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to every connection of the hub.</summary>
    /// <param name="router">The router.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToAllAsync(
        this IWebSocketRouter router, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.All, message, cancellationToken);

    /// <summary>Sends a value in JSON to every connection of the hub.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToAllAsync<T>(
        this IWebSocketRouter router, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.All, value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to one connection.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionAsync(
        this IWebSocketRouter router, string connectionId, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to one connection.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionAsync(
        this IWebSocketRouter router, string connectionId, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to one connection.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionAsync(
        this IWebSocketRouter router, string connectionId, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), message, cancellationToken);

    /// <summary>Sends a value in JSON to one connection.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="connectionId">The connection.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToConnectionAsync<T>(
        this IWebSocketRouter router, string connectionId, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connection(connectionId), value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to several connections.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionIds">The connections.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> connectionIds, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connections(connectionIds), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to several connections.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionIds">The connections.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> connectionIds, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connections(connectionIds), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to several connections.</summary>
    /// <param name="router">The router.</param>
    /// <param name="connectionIds">The connections.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToConnectionsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> connectionIds, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connections(connectionIds), message, cancellationToken);

    /// <summary>Sends a value in JSON to several connections.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="connectionIds">The connections.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToConnectionsAsync<T>(
        this IWebSocketRouter router, IReadOnlyList<string> connectionIds, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Connections(connectionIds), value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to all connections of a user.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUserAsync(
        this IWebSocketRouter router, string userId, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.User(userId), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to all connections of a user.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUserAsync(
        this IWebSocketRouter router, string userId, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.User(userId), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to all connections of a user.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUserAsync(
        this IWebSocketRouter router, string userId, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.User(userId), message, cancellationToken);

    /// <summary>Sends a value in JSON to all connections of a user.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="userId">The user.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToUserAsync<T>(
        this IWebSocketRouter router, string userId, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.User(userId), value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to all connections of several users.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUsersAsync(
        this IWebSocketRouter router, IReadOnlyList<string> userIds, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Users(userIds), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to all connections of several users.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUsersAsync(
        this IWebSocketRouter router, IReadOnlyList<string> userIds, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Users(userIds), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to all connections of several users.</summary>
    /// <param name="router">The router.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToUsersAsync(
        this IWebSocketRouter router, IReadOnlyList<string> userIds, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Users(userIds), message, cancellationToken);

    /// <summary>Sends a value in JSON to all connections of several users.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="userIds">The users.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToUsersAsync<T>(
        this IWebSocketRouter router, IReadOnlyList<string> userIds, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Users(userIds), value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to all connections in a group.</summary>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupAsync(
        this IWebSocketRouter router, string group, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Group(group), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to all connections in a group.</summary>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupAsync(
        this IWebSocketRouter router, string group, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Group(group), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to all connections in a group.</summary>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupAsync(
        this IWebSocketRouter router, string group, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Group(group), message, cancellationToken);

    /// <summary>Sends a value in JSON to all connections in a group.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="group">The group.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToGroupAsync<T>(
        this IWebSocketRouter router, string group, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Group(group), value, jsonTypeInfo, cancellationToken);

    /// <summary>Sends text to all connections in at least one of several groups, one copy each.</summary>
    /// <param name="router">The router.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="text">The text, sent as UTF-8.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> groups, string text, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Groups(groups), WebSocketMessage.Text(text), cancellationToken);

    /// <summary>Sends a binary message to all connections in at least one of several groups, one copy each.</summary>
    /// <param name="router">The router.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="data">The payload. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> groups, ReadOnlyMemory<byte> data, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Groups(groups), WebSocketMessage.Binary(data), cancellationToken);

    /// <summary>Sends a message to all connections in at least one of several groups, one copy each.</summary>
    /// <param name="router">The router.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="message">The message. Borrowed until the returned task completes.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    [OverloadResolutionPriority(1)]
    public static ValueTask SendToGroupsAsync(
        this IWebSocketRouter router, IReadOnlyList<string> groups, WebSocketMessage message, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Groups(groups), message, cancellationToken);

    /// <summary>Sends a value in JSON to all connections in at least one of several groups, one copy each.</summary>
    /// <typeparam name="T">The type of the value.</typeparam>
    /// <param name="router">The router.</param>
    /// <param name="groups">The groups.</param>
    /// <param name="value">The value. <c>byte[]</c> and byte memory go as binary, unchanged.</param>
    /// <param name="jsonTypeInfo">How to write it; <see langword="null"/> for the options' serializer settings.</param>
    /// <param name="cancellationToken">Ends the wait for the backplane; the message may still arrive.</param>
    /// <exception cref="BackplaneUnavailableException">Targets on this node were served, other nodes were not reached.</exception>
    public static ValueTask SendToGroupsAsync<T>(
        this IWebSocketRouter router, IReadOnlyList<string> groups, T value, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        Checked(router).SendAsync(WebSocketTarget.Groups(groups), value, jsonTypeInfo, cancellationToken);

    private static IWebSocketRouter Checked(IWebSocketRouter router)
    {
        ArgumentNullException.ThrowIfNull(router);
        return router;
    }
}
