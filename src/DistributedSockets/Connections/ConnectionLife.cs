using System.Diagnostics;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core.Features;

namespace DistributedSockets;

/// <summary>What happens to the connections of an endpoint from the answer to their handshake until their handler has been told of the end.</summary>
internal sealed class ConnectionLife(HubConnections hub, HandlerActivator activator, ConnectionServices services, ChannelSubscriptions subscriptions)
{
    /// <summary>Runs a connection that its hub knows, until it has ended.</summary>
    /// <param name="context">The request of the handshake.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="isOpen">Whether the client has got its answer; if not, the connection only ends.</param>
    internal async Task RunAsync(HttpContext context, Connection connection, bool isOpen)
    {
        var opened = Stopwatch.GetTimestamp();
        WebSocketHandler? handler = null;
        bool owned = false, counted = false;
        try
        {
            counted = services.Metrics.ConnectionOpened();
            services.Log.Opened(connection.Id, hub.Name);
            if (!isOpen)
            {
                return;
            }

            TellLongRunning(context);

            // Tells of a client that goes while the handler is busy and nothing is read.
            await using var gone = context.RequestAborted.UnsafeRegister(static state => ((Connection)state!).OnTransportGone(), connection); // state is connection
            try
            {
                (handler, owned) = activator.Create(context.RequestServices);
                handler.Connection = connection;
            }
            catch (Exception exception)
            {
                handler = null;
                services.Log.HandlerFailed(connection.Id, (int)WebSocketCloseStatus.InternalServerError, exception);
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
            foreach (var channel in hub.Remove(connection) ?? [])
            {
                subscriptions.Release(channel);
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

    private async Task FinishAsync(Connection connection, WebSocketHandler handler, bool owned, DisconnectReason reason)
    {
        try
        {
            await handler.OnDisconnectedAsync(reason);
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

        try
        {
            if (owned)
            {
                await Disposal.DisposeAsync(handler);
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
}
