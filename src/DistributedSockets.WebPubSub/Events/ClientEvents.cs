using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets.WebPubSub;

/// <summary>Brings what clients do to the app's handlers, each call in a scope of its own, and to the webhooks.</summary>
internal sealed partial class ClientEvents(
    EventMap map,
    IServiceScopeFactory scopes,
    IWebSocketRouterFactory routers,
    WebhookSender webhooks,
    IOptions<WebPubSubOptions> options,
    TimeProvider time,
    ILogger<ClientEvents> logger) : IClientEvents, IClusterObserver
{
    private const string Failed = "InternalServerError";

    public async ValueTask OnConnectingAsync(ClientHandshake handshake, CancellationToken cancellationToken)
    {
        if (handshake.SubProtocol is { } subProtocol)
        {
            handshake.Properties[ClientState.SubProtocol] = subProtocol;
        }

        if (map.Handler(handshake.Hub) is { } create)
        {
            var client = new EventClient(handshake.Hub, handshake.ConnectionId, handshake.UserId, handshake.SubProtocol, ClientState.Read(handshake.Properties));
            try
            {
                var isRefused = await InScopeAsync(
                    async (services, token) =>
                    {
                        var context = new WebPubSubConnectContext(handshake, client, services);
                        await create(services).OnConnectAsync(context, token);
                        if (context.ChangedState is { } state)
                        {
                            ClientState.Write(handshake.Properties, state);
                        }

                        return context.IsRefused;
                    },
                    cancellationToken);
                if (isRefused)
                {
                    return;
                }
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                Log.ConnectFailed(logger, handshake.Hub, exception);
                handshake.Refuse(StatusCodes.Status500InternalServerError, "The app failed to decide on this connection. Connect again later.");
                return;
            }
        }

        await webhooks.ConnectAsync(handshake, cancellationToken);
        if (handshake.SubProtocol is { } chosen)
        {
            handshake.Properties[ClientState.SubProtocol] = chosen; // which a handler may have changed
        }
        else
        {
            handshake.Properties.Remove(ClientState.SubProtocol);
        }
    }

    public async ValueTask OnConnectedAsync(WebSocketConnection connection, CancellationToken cancellationToken)
    {
        var client = EventClient.Of(connection);
        webhooks.Connected(client);
        if (map.Handler(connection.Hub) is not { } create)
        {
            return;
        }

        try
        {
            await InScopeAsync(
                async (services, token) =>
                {
                    var context = new WebPubSubClientContext(client, services);
                    await create(services).OnConnectedAsync(context, token);
                    await KeepStateAsync(connection, context.ChangedState);
                    return true;
                },
                cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.HandlerFailed(logger, "connected", connection.Hub, connection.Id, exception);
        }
    }

    public async ValueTask<ClientReply?> OnEventAsync(WebSocketConnection connection, ClientEvent message, CancellationToken cancellationToken)
    {
        var client = EventClient.Of(connection);
        var own = map.Event(connection.Hub, message.Name);
        var create = map.Handler(connection.Hub);
        if (own is not null || create is not null)
        {
            try
            {
                var (isHandled, answer) = await InScopeAsync(
                    async (services, token) =>
                    {
                        var context = new WebPubSubEventContext(message, client, services, connection.JsonOptions);
                        await (own is not null ? own(context, token) : create!(services).OnEventAsync(context, token)); // one of them is there
                        await KeepStateAsync(connection, context.ChangedState);
                        return (context.IsHandled, context.Answer);
                    },
                    cancellationToken);
                if (isHandled)
                {
                    return answer is { } reply ? new ClientReply(reply.DataType, reply.Bytes) : null;
                }
            }
            catch (EventFailedException)
            {
                throw; // which says what the client did wrong
            }
            catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
            {
                Log.HandlerFailed(logger, message.Name, connection.Hub, connection.Id, exception);
                throw new EventFailedException(Failed, "The handler of the event failed.");
            }
        }

        var hooked = await webhooks.EventAsync(client, message, cancellationToken)
            ?? throw new EventFailedException(Failed, "There is no handler for the event.");
        await KeepStateAsync(connection, hooked.State);
        return hooked.Reply;
    }

    public ValueTask OnDisconnectedAsync(WebSocketConnection connection, DisconnectReason reason) => IsReliable(connection.SubProtocol)
        ? ValueTask.CompletedTask // told when its session ends
        : DisconnectedAsync(EventClient.Of(connection), reason.Description ?? "", CancellationToken.None);

    /// <summary>A session has ended: told of reliable clients, whose connections may end earlier, and of those whose node was lost.</summary>
    public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(ended);
        var isLost = ended.Cause == SessionEndCause.NodeLost;
        return IsServed(ended.Session.Hub) && (isLost || IsReliable(ended.Session.Properties.GetValueOrDefault(ClientState.SubProtocol)))
            ? DisconnectedAsync(EventClient.Of(ended.Session), isLost ? "The node of the connection was lost." : "The session has ended.", cancellationToken)
            : ValueTask.CompletedTask;
    }

    private static bool IsReliable(string? subProtocol) => subProtocol?.Contains(".reliable.", StringComparison.OrdinalIgnoreCase) == true;

    private bool IsServed(string hub) => options.Value.Hubs.Any(served => WebPubSubHub.Fold(served) == hub);

    private async ValueTask DisconnectedAsync(EventClient client, string reason, CancellationToken cancellationToken)
    {
        webhooks.Disconnected(client, reason);
        if (map.Handler(client.Hub) is not { } create)
        {
            return;
        }

        try
        {
            await InScopeAsync(
                async (services, token) =>
                {
                    await create(services).OnDisconnectedAsync(new(client, reason, services), token);
                    return true;
                },
                cancellationToken);
        }
        catch (Exception exception) when (!cancellationToken.IsCancellationRequested)
        {
            Log.HandlerFailed(logger, "disconnected", client.Hub, client.ConnectionId, exception);
        }
    }

    /// <summary>Keeps a state that has changed with the session, so that it survives the end of this node; nothing else that changes at the same moment is lost.</summary>
    private async ValueTask KeepStateAsync(WebSocketConnection connection, string? state)
    {
        if (state is null)
        {
            return;
        }

        var router = routers.GetRouter(connection.Hub);
        IReadOnlyDictionary<string, string> before;
        Dictionary<string, string> after;
        do
        {
            before = connection.Properties;
            after = new(before, StringComparer.Ordinal);
            ClientState.Write(after, state);
        }
        while (!await router.TrySetPropertiesAsync(connection.Id, before, after, connection.Aborted));
    }

    private async ValueTask<T> InScopeAsync<T>(Func<IServiceProvider, CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        using var deadline = new CancellationTokenSource(options.Value.HandlerTimeout, time);
        using var linked = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        var calling = CallAsync(call, linked.Token);
        try
        {
            return await calling.WaitAsync(linked.Token); // a handler that does not look at its token is not waited for
        }
        finally
        {
            if (!calling.IsCompleted)
            {
                _ = calling.ContinueWith(static ended => ended.Exception, CancellationToken.None, TaskContinuationOptions.OnlyOnFaulted, TaskScheduler.Default);
            }
        }
    }

    private async Task<T> CallAsync<T>(Func<IServiceProvider, CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        await using var scope = scopes.CreateAsyncScope();
        return await call(scope.ServiceProvider, cancellationToken);
    }

    private static partial class Log
    {
        [LoggerMessage(450, LogLevel.Error, "The app's handler failed to decide on a client of hub {Hub}, which was refused with 500.")]
        public static partial void ConnectFailed(ILogger logger, string hub, Exception exception);

        [LoggerMessage(451, LogLevel.Error, "The app's handler of the event {Event} of hub {Hub} failed for connection {ConnectionId}.")]
        public static partial void HandlerFailed(ILogger logger, string @event, string hub, string connectionId, Exception exception);
    }
}
