using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>One mapped endpoint: checks a handshake, accepts it, and lets the connection live until it ends.</summary>
internal sealed class ConnectionEndpoint(
    HubConnections hub,
    ConnectionLife life,
    ConnectionServices services,
    ChannelSubscriptions subscriptions,
    Admission admission,
    HandshakeOptions handshake,
    IUserIdProvider userIds)
{
    private readonly OriginCheck _origins = new(handshake.AllowedOrigins);

    /// <summary>Puts our tap before the platform's WebSocket middleware, so that it writes through us.</summary>
    internal Task TapAsync(HttpContext context, RequestDelegate next)
    {
        var features = context.Features;
        var upgrade = features.Get<IHttpUpgradeFeature>();
        var connect = features.Get<IHttpExtendedConnectFeature>();
        if (upgrade is { IsUpgradableRequest: true } || connect is { IsExtendedConnect: true })
        {
            // If this is Kestrel's own upgrade and nothing wraps it, Kestrel passes bytes to its transport unchanged afterwards, so we may write there directly.
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

            // If the app called UseWebSockets, its middleware has already captured the transport without our tap. Ours replaces it for this endpoint.
            features.Set<IHttpWebSocketFeature>(null);
        }

        return next(context);
    }

    internal async Task InvokeAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            await RefuseAsync(context, NoHandshake(context.Request));
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
            var checking = CheckAsync(context, out var userId);
            var opening = userId is null ? null : hub.BeginOpening(userId);
            try
            {
                if (await checking is { } refusal)
                {
                    await RefuseAsync(context, refusal);
                    return;
                }

                await AcceptAsync(context, userId, opening);
            }
            finally
            {
                if (opening is not null)
                {
                    hub.EndOpening(opening);
                }
            }
        }
        finally
        {
            admission.Leave(address);
        }
    }

    private static Refusal NoHandshake(HttpRequest request) =>
        request.Headers.SecWebSocketVersion is { Count: > 0 } versions && !versions.Contains(Refusal.SpokenVersion)
            ? new(StatusCodes.Status426UpgradeRequired, $"This server speaks version {Refusal.SpokenVersion} of the WebSocket protocol (RFC 6455).")
            : new(
                StatusCodes.Status400BadRequest,
                "This is a WebSocket endpoint. Connect with a WebSocket client: GET with 'Upgrade: websocket' on HTTP/1.1, or extended CONNECT on HTTP/2 (RFC 6455, RFC 8441).");

    private ValueTask<Refusal?> CheckAsync(HttpContext context, out string? userId)
    {
        userId = null;
        if (!_origins.Allows(context.Request))
        {
            return new(new Refusal(
                StatusCodes.Status403Forbidden,
                "The Origin of this request may not connect here. Add it to HandshakeOptions.AllowedOrigins if it should."));
        }

        userId = userIds.GetUserId(context);
        if (userId is null)
        {
            return default;
        }

        return Names.Problem(userId) is { } problem
            ? new(new Refusal(StatusCodes.Status400BadRequest, problem))
            : admission.CheckUserAsync(hub, userId, context.RequestAborted);
    }

    private async Task AcceptAsync(HttpContext context, string? userId, OpeningConnection? opening)
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
            await CommitSessionStateAsync(context);
            if (context.RequestAborted.IsCancellationRequested)
            {
                return; // the client did not wait, so nobody need hear of it
            }

            var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
            {
                SubProtocol = ChooseSubProtocol(context.WebSockets.WebSocketRequestedProtocols),
                DangerousEnableCompression = services.Options.EnableCompression,
                DisableServerContextTakeover = true, // what we send is compressed once for all, so without context
            });
            var takesDeflated = services.Options.EnableCompression && DeflateAgreement.TakesSharedFrames(context.Response.Headers.SecWebSocketExtensions);
            var feature = context.Features.Get<TapFeature>();
            var connection = new Connection(context, socket, feature?.Tap, hub.Name, userId, services, takesDeflated);
            var answer = new HandshakeAnswer(hub, connection, feature, services.Log);
            var isOpen = await answer.SendAsync(context);
            if (answer.HasEntered)
            {
                if (opening is not null && hub.EndOpening(opening) is { } disconnected)
                {
                    connection.Close(disconnected);
                }

                await life.RunAsync(context, connection, isOpen);
                return;
            }

            await connection.DisposeAsync();
            if (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
            {
                await RefuseAsync(
                    context, new(StatusCodes.Status503ServiceUnavailable, "This server takes no more connections at the moment. Connect again in a second or more."));
            }
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

    /// <summary>
    /// Stores what the app's middleware has changed in its session state (that of ASP.NET Core). It would be stored when the request ends, over what other
    /// requests have stored by then.
    /// </summary>
    private async ValueTask CommitSessionStateAsync(HttpContext context)
    {
        if (context.Features.Get<ISessionFeature>()?.Session is not { } state)
        {
            return;
        }

        try
        {
            await state.LoadAsync(context.RequestAborted);
            await state.CommitAsync(context.RequestAborted);
        }
        catch (Exception exception)
        {
            services.Log.SessionStateNotStored(exception); // the middleware tries again at the end
        }
    }

    private string? ChooseSubProtocol(IList<string> offered)
    {
        foreach (var wanted in handshake.SubProtocols)
        {
            if (offered.Contains(wanted))
            {
                return wanted;
            }
        }

        return null;
    }

    private Task RefuseAsync(HttpContext context, Refusal refusal)
    {
        services.Log.Refused(refusal.StatusCode, refusal.Reason);
        return refusal.WriteAsync(context);
    }
}
