using System.Net.WebSockets;
using System.Text.Json.Serialization.Metadata;

namespace DistributedSockets;

/// <summary>The router of a handler's hub, under the handler's type.</summary>
internal sealed class WebSocketRouter<THandler>(IWebSocketRouterFactory factory, HubNames names) : IWebSocketRouter<THandler>
    where THandler : class
{
    private readonly IWebSocketRouter _router = factory.GetRouter(names.Of(typeof(THandler)));

    public string Hub => _router.Hub;

    public IHubLog Log => _router.Log;

    public ValueTask<SendResult> SendAsync(
        WebSocketTarget target, WebSocketMessage message, SendOptions options, CancellationToken cancellationToken = default) =>
        _router.SendAsync(target, message, options, cancellationToken);

    public ValueTask<SendResult> SendAsync<T>(
        WebSocketTarget target, T value, SendOptions options, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        _router.SendAsync(target, value, options, jsonTypeInfo, cancellationToken);

    public ValueTask<ConfirmedSendOutcome> SendConfirmedAsync(
        string connectionId, WebSocketMessage message, SendOptions options = default, CancellationToken cancellationToken = default) =>
        _router.SendConfirmedAsync(connectionId, message, options, cancellationToken);

    public ValueTask<ConfirmedSendOutcome> SendConfirmedAsync<T>(
        string connectionId, T value, SendOptions options = default, JsonTypeInfo<T>? jsonTypeInfo = null, CancellationToken cancellationToken = default) =>
        _router.SendConfirmedAsync(connectionId, value, options, jsonTypeInfo, cancellationToken);

    public ValueTask AddToGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default) =>
        _router.AddToGroupAsync(connectionId, group, cancellationToken);

    public ValueTask RemoveFromGroupAsync(string connectionId, string group, CancellationToken cancellationToken = default) =>
        _router.RemoveFromGroupAsync(connectionId, group, cancellationToken);

    public ValueTask<IReadOnlyDictionary<string, string>?> FindPropertiesAsync(string connectionId, CancellationToken cancellationToken = default) =>
        _router.FindPropertiesAsync(connectionId, cancellationToken);

    public ValueTask<bool> TrySetPropertiesAsync(
        string connectionId, IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken = default) =>
        _router.TrySetPropertiesAsync(connectionId, expected, properties, cancellationToken);

    public ValueTask RemoveFromAllGroupsAsync(string connectionId, CancellationToken cancellationToken = default) =>
        _router.RemoveFromAllGroupsAsync(connectionId, cancellationToken);

    public ValueTask DisconnectAsync(
        string connectionId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        _router.DisconnectAsync(connectionId, closeStatus, reason, cancellationToken);

    public ValueTask DisconnectUserAsync(
        string userId,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        _router.DisconnectUserAsync(userId, closeStatus, reason, cancellationToken);

    public ValueTask DisconnectGroupAsync(
        string group,
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure,
        string? reason = null,
        CancellationToken cancellationToken = default) =>
        _router.DisconnectGroupAsync(group, closeStatus, reason, cancellationToken);

    public ValueTask DisconnectAllAsync(
        WebSocketCloseStatus closeStatus = WebSocketCloseStatus.NormalClosure, string? reason = null, CancellationToken cancellationToken = default) =>
        _router.DisconnectAllAsync(closeStatus, reason, cancellationToken);

    public ValueTask AddUserToGroupAsync(string userId, string group, CancellationToken cancellationToken = default) =>
        _router.AddUserToGroupAsync(userId, group, cancellationToken);

    public ValueTask RemoveUserFromGroupAsync(string userId, string group, CancellationToken cancellationToken = default) =>
        _router.RemoveUserFromGroupAsync(userId, group, cancellationToken);

    public ValueTask<WebSocketMessage> AskAsync(
        string connectionId, Func<string, WebSocketMessage> question, TimeSpan timeout, CancellationToken cancellationToken = default) =>
        _router.AskAsync(connectionId, question, timeout, cancellationToken);
}
