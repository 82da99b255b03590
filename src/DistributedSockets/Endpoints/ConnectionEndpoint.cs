using System.Diagnostics;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Net.Http.Headers;

namespace DistributedSockets;

/// <summary>One mapped endpoint: checks a handshake, accepts it, and holds the connection until it ends.</summary>
internal sealed class ConnectionEndpoint(
    HubConnections hub,
    HandlerActivator activator,
    ConnectionServices services,
    ChannelSubscriptions subscriptions,
    Admission admission,
    OriginCheck origins,
    IUserIdProvider userIds)
{
    private const string RetryAfterSeconds = "1";
    private const string SpokenVersion = "13";

    /// <summary>Puts our tap before the platform's WebSocket middleware, so that it writes through us.</summary>
    internal Task TapAsync(HttpContext context, RequestDelegate next)
    {
        var features = context.Features;
        var upgrade = features.Get<IHttpUpgradeFeature>();
        var connect = features.Get<IHttpExtendedConnectFeature>();
        if (upgrade is { IsUpgradableRequest: true } || connect is { IsExtendedConnect: true })
        {
            // Kestrel's own upgrade, which nobody wraps: what it writes afterwards goes to its transport as it is, and so may we.
            var output = ReferenceEquals(upgrade, features) ? features.Get<IConnectionTransportFeature>()?.Transport.Output : null;
            var tap = new TapFeature(upgrade, connect, output, services.Time);
            features.Set(tap);
            if (upgrade is not null)
            {
                features.Set<IHttpUpgradeFeature>(tap);
            }

            if (connect is not null)
            {
                features.Set<IHttpExtendedConnectFeature>(tap);
            }

            // If the app called UseWebSockets, its middleware holds the transport itself: ours takes its place for this endpoint.
            features.Set<IHttpWebSocketFeature>(null);
        }

        return next(context);
    }

    internal async Task InvokeAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            if (context.Request.Headers.SecWebSocketVersion is { Count: > 0 } versions && !versions.Contains(SpokenVersion))
            {
                await RefuseVersionAsync(context);
                return;
            }

            await RefuseAsync(
                context,
                StatusCodes.Status400BadRequest,
                "This is a WebSocket endpoint. Connect with a WebSocket client: GET with 'Upgrade: websocket' on HTTP/1.1, or extended CONNECT on HTTP/2 (RFC 6455, RFC 8441).");
            return;
        }

        var address = context.Connection.RemoteIpAddress;
        if (admission.TryEnter(address) is { } full)
        {
            await RefuseAsync(context, full);
            return;
        }

        try
        {
            if (!origins.Allows(context.Request))
            {
                await RefuseAsync(
                    context,
                    StatusCodes.Status403Forbidden,
                    "The Origin of this request may not connect here. Add it to DistributedWebSocketsOptions.AllowedOrigins if it should.");
                return;
            }

            var userId = userIds.GetUserId(context);
            if (userId is not null && Names.Problem(userId) is { } problem)
            {
                await RefuseAsync(context, StatusCodes.Status400BadRequest, problem);
                return;
            }

            if (userId is not null && await admission.CheckUserAsync(hub, userId, context.RequestAborted) is { } tooMany)
            {
                await RefuseAsync(context, tooMany);
                return;
            }

            await AcceptAsync(context, userId);
        }
        finally
        {
            admission.Leave(address);
        }
    }

    private async Task AcceptAsync(HttpContext context, string? userId)
    {
        // Subscribed before the handshake is answered: who sees the connection open can send to it from any node.
        var userChannel = userId is null ? null : hub.UserChannel(userId);
        try
        {
            var all = subscriptions.AcquireAsync(hub.AllChannel, keep: true).AsTask();
            var own = subscriptions.AcquireAsync(hub.OwnChannel, keep: true).AsTask();
            var user = userChannel is null ? Task.CompletedTask : subscriptions.AcquireAsync(userChannel, keep: true).AsTask();
            await Task.WhenAll(all, own, user);
        }
        catch (BackplaneUnavailableException exception)
        {
            services.Log.OpenedWithoutBackplane(exception);
        }

        try
        {
            var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
            {
                SubProtocol = ChooseSubProtocol(context.WebSockets.WebSocketRequestedProtocols),
                DangerousEnableCompression = services.Options.EnableCompression,
                DisableServerContextTakeover = true, // what we send is compressed once for all, so without context
            });
            var takesDeflated = services.Options.EnableCompression && DeflateAgreement.TakesSharedFrames(context.Response.Headers.SecWebSocketExtensions);
            var feature = context.Features.Get<TapFeature>();
            var connection = new Connection(context, socket, feature?.Tap, hub.Name, userId, services, takesDeflated);
            await HoldAsync(context, connection, feature);
        }
        finally
        {
            subscriptions.Release(hub.AllChannel);
            if (!hub.TryKeepOwnChannel())
            {
                subscriptions.Release(hub.OwnChannel);
            }

            if (userChannel is not null)
            {
                subscriptions.Release(userChannel);
            }
        }
    }

    private async Task HoldAsync(HttpContext context, Connection connection, TapFeature? feature)
    {
        var opened = Stopwatch.GetTimestamp();
        var entrance = new HubEntrance(hub, connection);
        var isAnswered = await AnswerAsync(context, entrance, feature);
        if (!entrance.HasEntered)
        {
            await connection.DisposeAsync();
            await RefuseAcceptedAsync(context);
            return;
        }

        WebSocketHandler? handler = null;
        bool owned = false, counted = false;
        try
        {
            counted = services.Metrics.ConnectionOpened();
            services.Log.Opened(connection.Id, hub.Name);
            if (!isAnswered)
            {
                return; // the client has gone while it was being answered
            }

            TellLongRunning(context);

            // Also while the handler is busy and nothing is read.
            await using var gone = context.RequestAborted.UnsafeRegister(static state => ((Connection)state!).OnTransportGone(), connection); // state is connection
            try
            {
                (handler, owned) = activator.Create(context.RequestServices);
                handler.Connection = connection;
            }
            catch (Exception exception)
            {
                handler = null;
                services.Log.HandlerFailed(connection.Id, exception);
                await connection.FailAsync(exception);
            }

            if (handler is not null)
            {
                await connection.RunAsync(handler);
            }
        }
        finally
        {
            await connection.EndAsync();
            foreach (var group in hub.Remove(connection) ?? [])
            {
                subscriptions.Release(hub.GroupChannel(group));
            }

            var reason = connection.Reason!; // set by EndAsync at the latest
            if (handler is not null)
            {
                await FinishAsync(connection, handler, owned, reason);
            }

            await connection.DisposeAsync();
            services.Metrics.ConnectionEnded(counted, reason.Kind, Stopwatch.GetElapsedTime(opened));
            services.Log.Ended(connection.Id, reason.Kind, reason.Kind == DisconnectKind.HandlerError ? null : reason.Exception);
        }
    }

    /// <summary>
    /// Answers the handshake. The hub knows the connection as soon as the answer begins, so nothing that is sent to it from then on passes it by; and
    /// not before, so nobody is told of a connection that the server does not take.
    /// </summary>
    private async Task<bool> AnswerAsync(HttpContext context, HubEntrance entrance, TapFeature? feature)
    {
        if (feature?.Tap is null)
        {
            entrance.Enter(); // the server has answered by itself
            return true;
        }

        var connection = entrance.Connection;
        try
        {
            context.Response.OnStarting(static state => ((HubEntrance)state).OnAnswering(), entrance); // state is entrance
            await feature.OpenAsync();
            entrance.Enter(); // for a server that does not tell when it answers
            connection.Open();
            return true;
        }
        catch (Exception exception)
        {
            // Kestrel throws beyond its MaxConcurrentUpgradedConnections, and any server may when the client has gone.
            entrance.Close();
            services.Log.AnswerFailed(exception);
            connection.Abandon(exception);
            return false;
        }
    }

    private async Task FinishAsync(Connection connection, WebSocketHandler handler, bool owned, DisconnectReason reason)
    {
        try
        {
            await handler.OnDisconnectedAsync(reason);
        }
        catch (Exception exception)
        {
            services.Metrics.HandlerFailed();
            services.Log.DisconnectedFailed(connection.Id, exception);
        }

        try
        {
            if (owned)
            {
                switch (handler)
                {
                    case IAsyncDisposable asyncDisposable:
                        await asyncDisposable.DisposeAsync();
                        break;
                    case IDisposable disposable:
                        disposable.Dispose();
                        break;
                }
            }
        }
        catch (Exception exception)
        {
            services.Metrics.HandlerFailed();
            services.Log.DisconnectedFailed(connection.Id, exception);
        }
    }

    /// <summary>Tells the platform that this request is no ordinary one: its hours are not to be counted among the milliseconds of the others.</summary>
    private static void TellLongRunning(HttpContext context)
    {
        context.Features.Get<IHttpActivityFeature>()?.Activity.AddTag("http.long_running", "true"); // as SignalR does: tools leave such requests out
        if (context.Features.Get<IHttpMetricsTagsFeature>() is { } metrics)
        {
            metrics.MetricsDisabled = true; // our own metric has the duration
        }

        // Kestrel cuts off responses that are read too slowly. How slowly a client may read is for its outbound queue to say.
        if (context.Features.Get<IHttpMinResponseDataRateFeature>() is { } rate)
        {
            rate.MinDataRate = null;
        }
    }

    private string? ChooseSubProtocol(IList<string> offered)
    {
        foreach (var wanted in services.Options.SubProtocols)
        {
            if (offered.Contains(wanted))
            {
                return wanted;
            }
        }

        return null;
    }

    /// <summary>Tells a client of another version which one is spoken here (RFC 6455 §4.4).</summary>
    private Task RefuseVersionAsync(HttpContext context)
    {
        context.Response.Headers.SecWebSocketVersion = SpokenVersion;
        if (HttpProtocol.IsHttp11(context.Request.Protocol))
        {
            context.Response.Headers.Upgrade = "websocket"; // goes with this status (RFC 9110 §15.5.22), and is unknown to HTTP/2
        }

        return RefuseAsync(
            context, StatusCodes.Status426UpgradeRequired, $"This server speaks version {SpokenVersion} of the WebSocket protocol (RFC 6455).");
    }

    /// <summary>Refuses what the platform had begun to accept.</summary>
    private Task RefuseAcceptedAsync(HttpContext context)
    {
        if (context.Response.HasStarted || context.RequestAborted.IsCancellationRequested)
        {
            return Task.CompletedTask;
        }

        var headers = context.Response.Headers;
        headers.Remove(HeaderNames.Connection);
        headers.Remove(HeaderNames.Upgrade);
        headers.Remove(HeaderNames.SecWebSocketAccept);
        headers.Remove(HeaderNames.SecWebSocketProtocol);
        headers.Remove(HeaderNames.SecWebSocketExtensions);
        return RefuseAsync(
            context, new(StatusCodes.Status503ServiceUnavailable, "This server takes no more connections at the moment. Connect again in a second or more."));
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        context.Response.Headers.RetryAfter = RetryAfterSeconds;
        return RefuseAsync(context, refusal.StatusCode, refusal.Reason);
    }

    private async Task RefuseAsync(HttpContext context, int statusCode, string reason)
    {
        services.Log.Refused(statusCode, reason);
        context.Response.StatusCode = statusCode;
        context.Response.ContentType = "text/plain; charset=utf-8";
        await context.Response.WriteAsync(reason + "\n");
    }
}
