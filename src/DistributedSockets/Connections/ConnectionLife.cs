using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets;

/// <summary>What happens to the connections of an endpoint from the answer to their handshake until their handler has been told of the end.</summary>
internal sealed class ConnectionLife(
    HubConnections hub, HandlerActivator activator, ConnectionServices services, ChannelSubscriptions subscriptions, IServiceScopeFactory scopes, ResumableSessions sessions)
{
    /// <summary>Begins a connection that its hub knows: makes its handler, and reads.</summary>
    /// <param name="context">The request of the handshake.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="isOpen">Whether the client has got its answer; if not, the connection only ends.</param>
    /// <returns>Completes when nothing more is read; pass it to <see cref="EndAsync"/>, which has to be called in any case.</returns>
    internal Task BeginAsync(HttpContext context, Connection connection, bool isOpen)
    {
        try
        {
            connection.IsCounted = services.Metrics.ConnectionOpened();
            services.Log.Opened(connection.Id, hub.Name);
            if (!isOpen)
            {
                return Task.CompletedTask;
            }

            TellLongRunning(context);
            WebSocketHandler handler;
            bool isOwned;
            try
            {
                (handler, isOwned) = activator.Create(connection.Request.GetServices(scopes));
                handler.Connection = connection;
            }
            catch (Exception exception)
            {
                services.Log.HandlerFailed(connection.Id, (int)WebSocketCloseStatus.InternalServerError, exception);
                return connection.FailAsync(exception);
            }

            return connection.ReadAsync(handler, isOwned);
        }
        catch (Exception exception)
        {
            return Task.FromException(exception);
        }
    }

    /// <summary>Ends a connection, and tells its handler.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="reading">What <see cref="BeginAsync"/> returned, completed.</param>
    internal async Task EndAsync(Connection connection, Task reading)
    {
        try
        {
            await connection.EndReadingAsync(reading);
        }
        finally
        {
            await connection.EndAsync();
            foreach (var channel in hub.Remove(connection) ?? [])
            {
                subscriptions.Release(channel);
            }

            var reason = connection.Reason!; // set by EndAsync at the latest
            if (connection.Handler is { } handler)
            {
                await FinishAsync(connection, handler, reason);
            }

            await DisposeAsync(connection, static connection => connection.Request.EndServicesAsync());
            await connection.DisposeAsync();
            if (connection.Session is { } session)
            {
                await sessions.DetachAsync(hub, session, reason, connection.EndsSession);
            }

            services.Metrics.ConnectionEnded(connection.IsCounted, reason.Kind, connection.Age);
            services.Log.Ended(connection.Id, reason.Kind, reason.Kind == DisconnectKind.HandlerError ? null : reason.Exception);
        }
    }

    private async Task FinishAsync(Connection connection, WebSocketHandler handler, DisconnectReason reason)
    {
        try
        {
            await handler.OnDisconnectedAsync(reason);
        }
        catch (StaleFenceException) when (connection.Session is not null)
        {
            // The session goes on elsewhere, and this was the end of a connection only.
        }
        catch (Exception exception) when (services.IsForgiven(exception))
        {
            services.ReportFailedSend(connection.Id, exception);
        }
        catch (Exception exception)
        {
            services.Metrics.HandlerFailed();
            services.Log.DisconnectedFailed(connection.Id, exception);
        }

        if (connection.OwnsHandler)
        {
            await DisposeAsync(connection, static connection => Disposal.DisposeAsync(connection.Handler!)); // there is one
        }
    }

    private async ValueTask DisposeAsync(Connection connection, Func<Connection, ValueTask> dispose)
    {
        try
        {
            await dispose(connection);
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
}
