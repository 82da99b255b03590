using System.Collections.ObjectModel;
using System.Net.WebSockets;
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
    GroupMemberships memberships,
    HubLogs logs,
    ResumableSessions sessions,
    SessionHandOver handOver,
    ResumeAdmission resumes,
    Admission admission,
    HandshakeOptions handshake,
    IUserIdProvider userIds)
{
    private static readonly Refusal s_groupRefused = new(
        StatusCodes.Status503ServiceUnavailable,
        "This server cannot put the connection into its groups. Connect again later; another one may answer.",
        RefusalKind.Groups,
        "The transport refuses the channel of a group that a connection filter has put it into: give the transport's user the permission. Log event 172 has its words.");

    private static readonly Refusal s_noSessions = new(
        StatusCodes.Status503ServiceUnavailable,
        "This server cannot begin or go on with a session at the moment. Connect again later.",
        RefusalKind.Server,
        "The message log, where the records of sessions are, is away. Log event 311 has its words.");

    private static readonly Refusal s_takenOver = new(
        StatusCodes.Status503ServiceUnavailable,
        "Another connection goes on with the session.",
        RefusalKind.Server,
        "Its client has connected twice at the same moment.");

    private readonly OriginCheck _origins = new(handshake.AllowedOrigins);
    private readonly ConnectionFilters _filters = new(handshake, services);

    /// <summary>Puts our tap before the platform's WebSocket middleware, so that it writes through us.</summary>
    internal Task TapAsync(HttpContext context, RequestDelegate next)
    {
        var features = context.Features;
        var upgrade = features.Get<IHttpUpgradeFeature>();
        var connect = features.Get<IHttpExtendedConnectFeature>();
        if (upgrade is { IsUpgradableRequest: true } || connect is { IsExtendedConnect: true })
        {
            // If this is Kestrel's own upgrade and nothing wraps it, Kestrel passes bytes to its transport unchanged afterwards, so we may write there directly.
            var transport = ReferenceEquals(upgrade, features) ? features.Get<IConnectionTransportFeature>()?.Transport : null;
            var socket = transport is not null && services.Options.DirectWrites ? NotedTransport.Find(features, transport) : null;
            new TapFeature(upgrade, connect, transport?.Output, socket, services.Time).PutInto(features);
        }
        else
        {
            HandshakeWatch.End(features); // who refuses it from here on says so
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

        var address = context.Features.Get<IHttpConnectionFeature>()?.RemoteIpAddress; // context.Connection would be kept with the request
        if (admission.TryEnter(address) is { } full)
        {
            await RefuseAsync(context, full);
            return;
        }

        Task straggler;
        try
        {
            // What led to the connection is let go of by now: it would take as much memory as the connection itself for as long as that lives.
            (straggler, var connection, var isOpen) = await DecideAsync(context);
            if (connection is not null)
            {
                // No other method waits while the connection lives: each would hold some 200 bytes for it.
                var reading = life.BeginAsync(context, connection, isOpen);
                await reading.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // how it went is for the end
                await EndAsync(connection, reading);
            }
        }
        finally
        {
            admission.Leave(address);
        }

        await straggler;
    }

    private static Refusal NoHandshake(HttpRequest request)
    {
        var versions = request.Headers.SecWebSocketVersion;
        return versions.Count > 0 && !versions.Contains(Refusal.SpokenVersion)
            ? new(
                StatusCodes.Status426UpgradeRequired,
                $"This server speaks version {Refusal.SpokenVersion} of the WebSocket protocol (RFC 6455).",
                RefusalKind.Headers,
                $"The client asks for another version of the protocol than {Refusal.SpokenVersion}, which is what browsers speak, so a program or a proxy has set it. No option allows it.")
            : new(
                StatusCodes.Status400BadRequest,
                "This is a WebSocket endpoint. Connect with a WebSocket client: GET with 'Upgrade: websocket' on HTTP/1.1, or extended CONNECT on HTTP/2 (RFC 6455, RFC 8441).",
                RefusalKind.Headers,
                versions.Count == 0
                    ? null // somebody has opened the address in a browser
                    : "A part of the handshake is missing: have the proxy in front speak HTTP/1.1 to this server and pass on the headers Upgrade and Connection.");
    }

    /// <summary>Finds out whether the handshake may become a connection, and answers it.</summary>
    /// <returns>What still uses the request, which must not end before; and the connection, if the hub knows one now, and whether its client has got the answer.</returns>
    private async Task<(Task Straggler, Connection? Connection, bool IsOpen)> DecideAsync(HttpContext context)
    {
        if (CheckRequest(context, out var userId) is { } early)
        {
            await RefuseAsync(context, early);
            return (Task.CompletedTask, null, false);
        }

        var opening = hub.Opening.Begin(userId);
        try
        {
            var connecting = new ConnectingContext(
                context, hub.Name, userId, ChooseSubProtocol(context.WebSockets.WebSocketRequestedProtocols), user => OpeningConnections.Change(opening, user), services);
            var deciding = _filters.DecideAsync(connecting);
            var hasWaited = !deciding.IsCompleted;
            var (refusal, straggler) = await deciding;
            if (context.Response.HasStarted)
            {
                return (straggler, null, false); // a filter has answered by itself
            }

            if (refusal is null)
            {
                var checking = CheckConnectionAsync(connecting);
                hasWaited |= !checking.IsCompleted;
                refusal = await checking;
            }

            if (refusal is null)
            {
                var (connection, isOpen) = await AcceptAsync(connecting, opening, hasWaited);
                return (straggler, connection, isOpen);
            }

            if (!context.RequestAborted.IsCancellationRequested)
            {
                await RefuseAsync(context, refusal.Value);
                if (!straggler.IsCompleted)
                {
                    await context.Response.CompleteAsync(); // the client need not wait for it
                }
            }

            return (straggler, null, false);
        }
        finally
        {
            hub.Opening.End(opening);
        }
    }

    private Refusal? CheckRequest(HttpContext context, out string? userId)
    {
        userId = null;
        if (!_origins.Allows(context.Request))
        {
            return new(
                StatusCodes.Status403Forbidden,
                "The Origin of this request may not connect here. Add it to HandshakeOptions.AllowedOrigins if it should.",
                RefusalKind.Origin,
                OriginCheck.Remedy(context.Request));
        }

        userId = userIds.GetUserId(context);
        return userId is not null && Names.Problem(userId) is { } problem
            ? new(
                StatusCodes.Status400BadRequest, problem, RefusalKind.UserId, $"{problem} No option allows it: register an IUserIdProvider that gives a shorter or other id.")
            : null;
    }

    private async ValueTask<Refusal?> CheckConnectionAsync(ConnectingContext connecting)
    {
        if (handshake.RefuseUnknownSubProtocols && connecting is { SubProtocol: null, RequestedSubProtocols.Count: > 0 })
        {
            return new(
                StatusCodes.Status400BadRequest,
                $"This server speaks none of the subprotocols you ask for. It speaks {(handshake.SubProtocols.Count == 0 ? "none" : string.Join(", ", handshake.SubProtocols))}.",
                RefusalKind.SubProtocol,
                "It asks for subprotocols that are not among HandshakeOptions.SubProtocols: add the one you speak, or leave RefuseUnknownSubProtocols off.");
        }

        if (connecting.UserId is { } userId)
        {
            return await admission.CheckUserAsync(hub, userId, ResumedBy(connecting), connecting.HttpContext);
        }

        if (ClaimsUserIdProvider.Principal(connecting.HttpContext) is { } principal && principal.Identities.Any(static identity => identity.IsAuthenticated))
        {
            services.Log.NoUserId(principal, userIds);
        }

        return null;
    }

    /// <param name="connecting">The handshake.</param>
    /// <param name="opening">The connection while its hub does not know it.</param>
    /// <param name="hasWaited">Whether its client has had to wait, and so may have gone.</param>
    /// <returns>The connection, if the hub knows it, and whether it is open. Its channels are needed until <see cref="Release"/>.</returns>
    private async Task<(Connection? Connection, bool IsOpen)> AcceptAsync(ConnectingContext connecting, OpeningConnection opening, bool hasWaited)
    {
        // Subscribed before the handshake is answered: who sees the connection open can send to it from any node.
        var context = connecting.HttpContext;
        var userId = connecting.UserId; // once: a filter that was not waited for may still set it
        var format = services.Protocols.Find(connecting.SubProtocol);
        var resumable = hub.Options.EnableResume ? format?.Protocol as ResumableWebSocketProtocol : null;
        var isResumable = resumable is not null;
        var resumption = resumable?.ReadResumption(connecting);
        var beginsAnew = resumable?.BeginsAnew ?? true;
        if (resumption is { } wanted)
        {
            if (resumes.TryEnter() is { } later)
            {
                await RefuseAsync(context, later);
                return default;
            }

            if (resumable!.IsTokenEnough)
            {
                if (await FindAsync(wanted, context.RequestAborted) is not { } found)
                {
                    await RefuseAsync(context, s_noSessions);
                    return default;
                }

                if (found.Session is null && !resumable.BeginsAnew)
                {
                    await CloseAtOnceAsync(connecting);
                    return default;
                }

                beginsAnew &= found.Session is null; // nobody has shown to be that user but by the session's token
                userId = found.Session is { } known ? known.UserId : userId;
                OpeningConnections.Change(opening, userId);
            }
        }

        var begun = connecting.GroupsOf(hub);
        var groups = isResumable ? [] : begun; // those of a session are in its record
        OpeningConnections.Place(opening, groups);
        var all = subscriptions.AcquireAsync(hub.AllChannel, keep: true).AsTask();
        var own = subscriptions.AcquireAsync(hub.OwnChannel, keep: true).AsTask();
        var user = userId is null ? Task.CompletedTask : subscriptions.AcquireAsync(hub.UserChannel(userId), keep: true).AsTask();
        var log = logs.AdmitAsync(hub).AsTask();
        var joins = Array.ConvertAll(groups, group => subscriptions.AcquireAsync(group.Channel, keep: true).AsTask());
        HandshakeAnswer? answer = null;
        AttachingSession? attaching = null;
        var isHandedOver = false;
        try
        {
            var subscribed = Task.WhenAll([all, own, user, log, .. joins]);
            hasWaited |= !subscribed.IsCompleted;
            try
            {
                await subscribed;
            }
            catch (BackplaneUnavailableException exception)
            {
                if (Array.Exists(joins, static join => join.Exception?.InnerException is BackplaneRefusedException))
                {
                    await RefuseAsync(context, s_groupRefused); // as such a join fails, later too
                    return default;
                }

                services.Log.OpenedWithoutBackplane(exception);
            }

            var committing = CommitSessionStateAsync(context);
            hasWaited |= !committing.IsCompleted;
            await committing;
            if (hasWaited && context.RequestAborted.IsCancellationRequested) // else not asked: what tells it would be kept with the request
            {
                return default; // the client did not wait, so nobody need hear of it
            }

            if (isResumable)
            {
                bool isReached;
                (isReached, attaching) = await AttachAsync(connecting, resumption, userId, begun, beginsAnew);
                if (attaching is not { } attached)
                {
                    await (isReached ? CloseAtOnceAsync(connecting) : RefuseAsync(context, s_noSessions));
                    return default;
                }

                attached.Session.Numbers.Format = format!;
            }

            var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext
            {
                SubProtocol = connecting.SubProtocol,
                DangerousEnableCompression = services.Options.EnableCompression,
                DisableServerContextTakeover = true, // what we send is compressed once for all, so without context
            });
            var takesDeflated = services.Options.EnableCompression && DeflateAgreement.TakesSharedFrames(context.Response.Headers.SecWebSocketExtensions);
            var feature = TapFeature.Find(context.Features);
            var connection = new Connection(context, socket, feature?.Tap, hub.Name, userId, services, takesDeflated, attaching?.Session, format, connecting.NewId);
            if (attaching is { } session)
            {
                if (!session.Session.TryAttach(connection))
                {
                    connection.Abort(SessionEnds.TakenOver);
                    await connection.DisposeAsync();
                    if (!context.Response.HasStarted)
                    {
                        await RefuseAsync(context, s_takenOver);
                    }

                    return default;
                }
            }
            else if (connecting.CheckedProperties is { } properties)
            {
                connection.UseProperties(properties);
            }

            if (format?.Protocol.Begin(connection, attaching?.Token, attaching?.Session.Numbers.Last.Number ?? 0) is { } first)
            {
                connection.SendOfProtocol(first);
            }

            answer = new(hub, opening, connection, feature, services.Log);
            var isOpen = await answer.SendAsync(context);
            if (answer.HasEntered)
            {
                isHandedOver = true; // whatever comes of the rest: the hub knows the connection, so that it has to live and to end like any other
                Continue(connection, opening);
                if (attaching is { } following)
                {
                    sessions.Follow(hub, following, connection);
                }

                return (connection, isOpen);
            }

            await connection.DisposeAsync();
            if (!context.Response.HasStarted && !context.RequestAborted.IsCancellationRequested)
            {
                await RefuseAsync(
                    context,
                    new(
                        StatusCodes.Status503ServiceUnavailable,
                        "This server takes no more connections at the moment. Connect again in a second or more.",
                        RefusalKind.Server,
                        "The server could not answer it: raise Kestrel's limit MaxConcurrentUpgradedConnections, if the app has set one. Log event 112 has the exception."));
            }

            return default;
        }
        finally
        {
            if (!isHandedOver)
            {
                Release(userId);
                if (attaching is { } abandoned)
                {
                    await sessions.AbandonAsync(hub, abandoned);
                }
            }

            if (answer is not { HasEntered: true })
            {
                foreach (var (_, channel) in groups)
                {
                    subscriptions.Release(channel); // which else the hub has with the memberships
                }
            }
        }
    }

    /// <summary>Carries out what was asked for of a connection while it was being opened; one for which that fails is cut.</summary>
    private void Continue(Connection connection, OpeningConnection opening)
    {
        try
        {
            if (opening.Disconnected is { } disconnected)
            {
                connection.Close(disconnected);
            }

            memberships.Continue(hub, connection, opening);
        }
        catch (Exception exception)
        {
            services.Log.ContinueFailed(connection.Id, exception);
            connection.Abort(new() { Kind = DisconnectKind.ConnectionLost, Exception = exception });
        }
    }

    private async Task EndAsync(Connection connection, Task reading)
    {
        try
        {
            await life.EndAsync(connection, reading);
        }
        finally
        {
            Release(connection.UserId);
        }
    }

    /// <summary>Gives up what a connection needs besides the channels of its groups.</summary>
    private void Release(string? userId)
    {
        subscriptions.Release(hub.AllChannel);
        if (!hub.TryKeepOwnChannel())
        {
            subscriptions.Release(hub.OwnChannel);
        }

        if (userId is not null)
        {
            subscriptions.Release(hub.UserChannel(userId));
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

    /// <summary>The session that the client wants to go on with.</summary>
    private string? ResumedBy(ConnectingContext connecting) =>
        hub.Options.EnableResume && services.Protocols.Find(connecting.SubProtocol)?.Protocol is ResumableWebSocketProtocol protocol
            ? protocol.ReadResumption(connecting)?.SessionId
            : null;

    /// <summary>Whose session it is that a client wants to go on with.</summary>
    /// <returns>Null if the record cannot be reached; without a session if there is none of that id and token.</returns>
    private async ValueTask<(SessionCheckpoint? Session, bool IsReached)?> FindAsync(SessionResumption wanted, CancellationToken cancellationToken)
    {
        try
        {
            var found = SessionId.Is(wanted.SessionId) ? await sessions.ReadAsync(hub, wanted.SessionId, cancellationToken) : null;
            return (found is not null && SessionId.IsTokenOf(wanted.Token, found.TokenDigest.Span) ? found : null, true);
        }
        catch (MessageLogUnavailableException exception)
        {
            services.Log.SessionNotBegun(exception);
            return null;
        }
    }

    /// <returns>Whether the record was reached, and the session; null if it cannot be resumed, and no new one is to begin.</returns>
    private async ValueTask<(bool IsReached, AttachingSession? Attaching)> AttachAsync(
        ConnectingContext connecting, SessionResumption? resumption, string? userId, (string Group, string Channel)[] groups, bool beginsAnew)
    {
        try
        {
            var attaching = await handOver.AttachAsync(
                hub,
                resumption,
                userId,
                Array.ConvertAll(groups, static group => group.Group),
                connecting.CheckedProperties ?? ReadOnlyDictionary<string, string>.Empty,
                beginsAnew,
                connecting.NewSessionId,
                connecting.HttpContext.RequestAborted);
            return (true, attaching);
        }
        catch (MessageLogUnavailableException exception)
        {
            services.Log.SessionNotBegun(exception);
            return (false, null);
        }
    }

    /// <summary>Accepts a handshake and closes the connection: what clients understand whose session cannot be resumed, and who should not try again.</summary>
    private async Task CloseAtOnceAsync(ConnectingContext connecting)
    {
        var context = connecting.HttpContext;
        using var timeout = new CancellationTokenSource(hub.Options.CloseTimeout, services.Time);
        try
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync(new WebSocketAcceptContext { SubProtocol = connecting.SubProtocol });
            if (TapFeature.Find(context.Features) is { Tap: not null } feature)
            {
                await feature.OpenAsync();
            }

            await socket.CloseAsync(WebSocketCloseStatus.PolicyViolation, "The session cannot be resumed. Connect again for a new one.", timeout.Token);
        }
        catch (Exception exception) when (CloseHandshake.IsTransportFailure(exception))
        {
            // The client has gone, or has not answered in time.
        }
    }

    private string? ChooseSubProtocol(IList<string> offered)
    {
        foreach (var name in offered)
        {
            if (services.Protocols.Find(name) is not null)
            {
                return name;
            }
        }

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
        services.Log.Refused(refusal);
        return refusal.WriteAsync(context);
    }
}
