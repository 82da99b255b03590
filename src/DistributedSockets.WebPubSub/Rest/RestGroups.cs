using System.Globalization;
using System.Text.Json;

namespace DistributedSockets.WebPubSub;

/// <summary>Puts connections and users into groups, takes them out, and lists who is in one.</summary>
internal static class RestGroups
{
    private const int MaxPageSize = 200;

    /// <summary>Adds a connection. When it is answered, sends of all nodes reach it.</summary>
    internal static async Task AddAsync(RestCall call, string group, string connectionId)
    {
        try
        {
            await JoinAsync(() => call.Router.AddToGroupAsync(Existing(connectionId), group, call.Cancellation));
            call.Answer(200);
        }
        catch (ConnectionNotFoundException)
        {
            throw NoConnection();
        }
    }

    internal static async Task RemoveAsync(RestCall call, string group, string connectionId)
    {
        await IfThereAsync(connectionId, () => call.Router.RemoveFromGroupAsync(connectionId, group, call.Cancellation));
        call.Answer(204);
    }

    internal static async Task RemoveFromAllAsync(RestCall call, string connectionId)
    {
        await IfThereAsync(connectionId, () => call.Router.RemoveFromAllGroupsAsync(connectionId, call.Cancellation));
        call.Answer(204);
    }

    /// <summary>Adds the connections that a user has now: all nodes are told, for those that the directory does not have yet, and each that it has is waited for.</summary>
    internal static async Task AddUserAsync(RestCall call, string userId, string group)
    {
        await JoinAsync(() => call.Router.AddUserToGroupAsync(userId, group, call.Cancellation));
        await OfUserAsync(call, userId, (session, token) => JoinAsync(() => call.Router.AddToGroupAsync(session.ConnectionId, group, token)));
        call.Answer(200);
    }

    internal static async Task RemoveUserAsync(RestCall call, string userId, string group)
    {
        await call.Router.RemoveUserFromGroupAsync(userId, group, call.Cancellation);
        await OfUserAsync(call, userId, (session, token) => call.Router.RemoveFromGroupAsync(session.ConnectionId, group, token));
        call.Answer(204);
    }

    internal static async Task RemoveUserFromAllAsync(RestCall call, string userId)
    {
        await OfUserAsync(call, userId, (session, token) => call.Router.RemoveFromAllGroupsAsync(session.ConnectionId, token));
        call.Answer(204);
    }

    /// <summary>Adds all connections that a filter matches to groups, or removes them.</summary>
    internal static async Task ChangeManyAsync(RestCall call, bool isJoin)
    {
        var (groups, filter) = await RestBody.ReadGroupsAsync(call.Context.Request, call.Cancellation);
        await RestConnections.ForEachAsync(call, SessionQuery.ForHub(call.Hub), session => filter?.Matches(new SessionRecipient(session)) != false, async (session, token) =>
        {
            foreach (var group in groups)
            {
                await (isJoin ? JoinAsync(() => call.Router.AddToGroupAsync(session.ConnectionId, group, token)) : call.Router.RemoveFromGroupAsync(session.ConnectionId, group, token));
            }
        });
        call.Answer(200);
    }

    /// <summary>Lists the connections in a group, page by page.</summary>
    internal static async Task ListAsync(RestCall call, string group)
    {
        var size = call.Number("maxpagesize", 1, MaxPageSize) ?? MaxPageSize;
        var top = call.Number("top", 1, int.MaxValue);
        SessionPage page;
        try
        {
            page = await call.Directory.ListPageAsync(SessionQuery.ForGroup(call.Hub, group), Math.Min(size, top ?? size), call.Value("continuationToken"), call.Cancellation);
        }
        catch (ArgumentException)
        {
            throw RestException.BadRequest("The continuation token is none that was given for this group.", "continuationToken");
        }

        var rest = top - page.Sessions.Count;
        call.Context.Response.ContentType = "application/json; charset=utf-8";
        await using var json = new Utf8JsonWriter(call.Context.Response.BodyWriter);
        json.WriteStartObject();
        json.WriteStartArray("value");
        foreach (var session in page.Sessions)
        {
            json.WriteStartObject();
            json.WriteString("connectionId", session.ConnectionId);
            if (session.UserId is { } userId)
            {
                json.WriteString("userId", userId);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        if (page.ContinuationToken is { } next && rest is not <= 0)
        {
            json.WriteString("nextLink", NextLink(call, next, size, rest));
        }

        json.WriteEndObject();
    }

    private static async ValueTask JoinAsync(Func<ValueTask> join)
    {
        try
        {
            await join();
        }
        catch (InvalidOperationException)
        {
            throw RestException.BadRequest("A connection is in as many groups as a connection may be in, so it was not added. Others may have been.", "group");
        }
    }

    private static string NextLink(RestCall call, string token, int size, int? top)
    {
        var version = call.Value("api-version") is { } value ? $"api-version={Uri.EscapeDataString(value)}&" : "";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{call.Origin}{call.Target.Path}?{version}maxpagesize={size}{(top is { } rest ? string.Create(CultureInfo.InvariantCulture, $"&top={rest}") : "")}&continuationToken={Uri.EscapeDataString(token)}");
    }

    private static Task OfUserAsync(RestCall call, string userId, Func<Session, CancellationToken, ValueTask> act) =>
        RestConnections.ForEachAsync(call, SessionQuery.ForUser(call.Hub, userId), static _ => true, act);

    private static async Task IfThereAsync(string connectionId, Func<ValueTask> act)
    {
        try
        {
            if (RestNames.CanBeConnection(connectionId))
            {
                await act();
            }
        }
        catch (ConnectionNotFoundException)
        {
            // It is in no group, which is what was asked for.
        }
    }

    private static string Existing(string connectionId) => RestNames.CanBeConnection(connectionId) ? connectionId : throw NoConnection();

    private static RestException NoConnection() => RestException.NotFound("The hub has no such connection. It may have ended.", "connectionId");
}
