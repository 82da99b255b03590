using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub;

/// <summary>Tells whether somebody is there, and closes connections.</summary>
internal static class RestConnections
{
    /// <summary>How many connections are dealt with at once where it is about many.</summary>
    internal const int AtOnce = 16;

    private static readonly TimeSpan s_lag = TimeSpan.FromMilliseconds(100);

    internal static async Task FindConnectionAsync(RestCall call, string connectionId) =>
        call.Answer(RestNames.CanBeConnection(connectionId) && await call.Router.FindPropertiesAsync(connectionId, call.Cancellation) is not null ? 200 : 404);

    /// <summary>Tells whether there is a session of a user or in a group. Who has just come may not be in the directory yet, so that it is asked twice before the answer is no.</summary>
    internal static async Task FindAnyAsync(RestCall call, SessionQuery query)
    {
        var isThere = await call.Directory.CountAsync(query, call.Cancellation) > 0;
        if (!isThere)
        {
            await Task.Delay(s_lag, call.Cancellation);
            isThere = await call.Directory.CountAsync(query, call.Cancellation) > 0;
        }

        call.Answer(isThere ? 200 : 404);
    }

    internal static async Task CloseAsync(RestCall call, string connectionId)
    {
        if (RestNames.CanBeConnection(connectionId))
        {
            await CloseAsync(call, connectionId, call.Cancellation);
        }

        call.Answer(204);
    }

    /// <summary>Closes all connections of a hub, user or group but those excluded.</summary>
    internal static async Task CloseAllAsync(RestCall call, SessionQuery query)
    {
        var (excluded, reason) = (call.Values("excluded").ToHashSet(StringComparer.Ordinal), RestNames.Reason(call.Value("reason")));
        if (excluded.Count > 0)
        {
            await ForEachAsync(call, query, session => !excluded.Contains(session.ConnectionId), (session, token) => CloseAsync(call, session.ConnectionId, token));
        }
        else if (query.Group is { } group)
        {
            await call.Router.DisconnectGroupAsync(group, WebSocketCloseStatus.PolicyViolation, reason, call.Cancellation);
        }
        else if (query.UserId is { } userId)
        {
            await call.Router.DisconnectUserAsync(userId, WebSocketCloseStatus.PolicyViolation, reason, call.Cancellation);
        }
        else
        {
            await call.Router.DisconnectAllAsync(WebSocketCloseStatus.PolicyViolation, reason, call.Cancellation);
        }

        call.Answer(204);
    }

    /// <summary>Does something with each session that matches, wherever it is. One that ends meanwhile is passed over.</summary>
    internal static Task ForEachAsync(RestCall call, SessionQuery query, Func<Session, bool> matches, Func<Session, CancellationToken, ValueTask> act) =>
        Parallel.ForEachAsync(
            call.Directory.ListAsync(query, call.Cancellation),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = call.Cancellation },
            async (session, cancellationToken) =>
            {
                try
                {
                    if (matches(session))
                    {
                        await act(session, cancellationToken);
                    }
                }
                catch (ConnectionNotFoundException)
                {
                    // It has ended.
                }
            });

    private static async ValueTask CloseAsync(RestCall call, string connectionId, CancellationToken cancellationToken)
    {
        try
        {
            await call.Router.DisconnectAsync(connectionId, WebSocketCloseStatus.PolicyViolation, RestNames.Reason(call.Value("reason")), cancellationToken);
        }
        catch (ConnectionNotFoundException)
        {
            // It is not there, which is what was asked for.
        }
    }
}
