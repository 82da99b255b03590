using System.Net.WebSockets;
using System.Text.Json;

namespace DistributedSockets.Docs.Tests.Snippets.Concepts;

// snippet: concepts-hub
[WebSocketHub("prices")]
public sealed class PriceFeed : WebSocketHandler;
// end-snippet

// snippet: concepts-ask
public sealed class EditorHandler(IWebSocketRouter<EditorHandler> router) : WebSocketHandler
{
    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        try
        {
            var answer = await router.AskAsync(
                Connection.Id,
                static id => WebSocketMessage.Text($$"""{ "ask": "version", "id": "{{id}}" }"""),
                TimeSpan.FromSeconds(10),
                cancellationToken);
            Connection.Items["version"] = answer.GetText(); // { "answers": "…", "version": 3 }
        }
        catch (AskFailedException failed) when (failed.Failure == AskFailure.NoAnswer)
        {
            await Connection.CloseAsync(WebSocketCloseStatus.PolicyViolation, "Please update.", cancellationToken);
        }
    }
}
// end-snippet

public interface IRooms
{
    Task<bool> MayEnterAsync(string userId, string room, CancellationToken cancellationToken);
}

// snippet: concepts-filter
public sealed class RoomFilter(IRooms rooms) : IConnectionFilter
{
    public async ValueTask OnConnectingAsync(ConnectingContext context, CancellationToken cancellationToken)
    {
        var room = (string)context.HttpContext.Request.RouteValues["room"]!;
        if (context.UserId is not { } userId || !await rooms.MayEnterAsync(userId, room, cancellationToken))
        {
            context.Refuse(StatusCodes.Status403Forbidden, "You may not enter this room.");
            return;
        }

        context.Groups.Add(room);
    }
}
// end-snippet

[WebSocketHub("rooms")]
internal sealed class RoomHandler : WebSocketHandler;

internal static class ConceptsProgram
{
    public static void Filter(WebApplicationBuilder builder)
    {
        // snippet: concepts-filter-add
        builder.Services.AddDistributedWebSockets()
            .AddHub<RoomHandler>(hub => hub.AddConnectionFilter<RoomFilter>());
        // end-snippet
    }

    public static void Ask(WebApplicationBuilder builder)
    {
        // snippet: concepts-answer-matcher
        builder.Services.AddDistributedWebSockets().AddHub<EditorHandler>(hub => hub.AnswerMatcher = static message =>
        {
            using var json = JsonDocument.Parse(message.Data);
            return json.RootElement.TryGetProperty("answers", out var id) ? id.GetString() : null; // null: it answers nothing
        });
        // end-snippet
    }

    public static void Log(WebApplicationBuilder builder)
    {
        // snippet: concepts-log-options
        builder.Services.AddDistributedWebSockets().AddHub<PriceFeed>(hub =>
        {
            hub.LoggedGroups.Add("room-*");
            hub.LogMaxAge = TimeSpan.FromDays(1);
        });
        // end-snippet
    }

    public static async Task LogAsync(IWebSocketRouter router, string connectionId, string orderId, CancellationToken cancellationToken)
    {
        // snippet: concepts-log
        var sent = await router.SendAsync(
            WebSocketTarget.Group("room-1"), "shipped", new SendOptions { IdempotencyKey = orderId }, cancellationToken: cancellationToken);
        Console.WriteLine($"It stands at {sent.Position}.");

        await router.Log.AddToGroupAsync(connectionId, "room-1", last: 50, cancellationToken);    // gets the last 50, then all further ones

        var page = await router.Log.ReadLastAsync(WebSocketTarget.Group("room-1"), limit: 100, cancellationToken: cancellationToken);
        while (page.HasMore)
        {
            page = await router.Log.ReadLastAsync(WebSocketTarget.Group("room-1"), limit: 100, page.After, cancellationToken);    // older ones
        }
        // end-snippet
    }

    public static async Task TargetsAsync(IWebSocketRouter router, string connectionId, CancellationToken cancellationToken)
    {
        // snippet: concepts-targets
        await router.SendToAllAsync("to everyone in the hub", cancellationToken);
        await router.SendToUserAsync("alice", "to all connections of a user", cancellationToken);
        await router.SendAsync(WebSocketTarget.Groups(["red", "blue"]), "to two groups, one copy each", cancellationToken);
        await router.SendToConnectionAsync(connectionId, new byte[] { 1, 2, 3 }, cancellationToken);
        await router.SendAsync(WebSocketTarget.Group("red"), new { price = 42 }, new SendOptions { ExcludedConnectionIds = [connectionId] }, cancellationToken: cancellationToken);
        // end-snippet
    }

    public static async Task OptionsAsync(
        IWebSocketRouter router, IMail mail, string connectionId, string player, Position position, CancellationToken cancellationToken)
    {
        // snippet: concepts-send-options
        var state = new SendOptions { ConflationKey = $"position:{player}", TimeToLive = TimeSpan.FromMilliseconds(500) };
        await router.SendAsync(WebSocketTarget.Group("race"), position, state, cancellationToken: cancellationToken);

        var result = await router.SendAsync(WebSocketTarget.User("alice"), "your turn", default(SendOptions), cancellationToken: cancellationToken);
        if (result is { QueuedHere: 0, OtherNodes: OtherNodesOutcome.NoSubscriberSeen })
        {
            await mail.RemindAsync("alice");    // nobody was seen to listen; who was cut off for a moment may get both
        }

        if (await router.SendConfirmedAsync(connectionId, "ready?", cancellationToken: cancellationToken) == ConfirmedSendOutcome.NotFound)
        {
            // that connection has ended
        }
        // end-snippet
    }

    public static async Task GroupsAsync(IWebSocketRouter router, string connectionId, CancellationToken cancellationToken)
    {
        // snippet: concepts-commands
        await router.AddToGroupAsync(connectionId, "red", cancellationToken);           // wherever it lives
        await router.RemoveFromGroupAsync(connectionId, "red", cancellationToken);
        await router.AddUserToGroupAsync("alice", "red", cancellationToken);            // all connections that she has now
        await router.DisconnectUserAsync("alice", WebSocketCloseStatus.PolicyViolation, "signed out", cancellationToken);
        await router.DisconnectAllAsync(WebSocketCloseStatus.EndpointUnavailable, "back in an hour", cancellationToken);
        // end-snippet
    }

    public static async Task DirectoryAsync(ISessionDirectory<PriceFeed> directory, CancellationToken cancellationToken)
    {
        // snippet: concepts-directory
        var online = await directory.IsOnlineAsync("alice", cancellationToken);
        var friends = await directory.AreOnlineAsync(["bob", "carol"], cancellationToken);              // one answer each, in one call
        var watching = await directory.CountGroupAsync("red", cancellationToken);
        await foreach (var session in directory.ListUserAsync("alice", cancellationToken))
        {
            Console.WriteLine($"{session.ConnectionId} on {session.NodeId} since {session.ConnectedAt:t}");
        }

        var both = await directory.CountAsync(SessionQuery.ForUserInGroup(directory.Hub, "alice", "red"), cancellationToken);
        // end-snippet
        Console.WriteLine($"{online} {friends.Count} {watching} {both}");
    }

    // snippet: concepts-pages
    public static async Task<IReadOnlyList<string>> NamesAsync(ISessionDirectory<PriceFeed> directory, CancellationToken cancellationToken)
    {
        var names = new List<string>();
        string? next = null;
        do
        {
            var page = await directory.ListPageAsync(SessionQuery.ForGroup(directory.Hub, "red"), 50, next, cancellationToken);
            names.AddRange(page.Sessions.Select(session => session.Properties.GetValueOrDefault("name", "somebody")));
            next = page.ContinuationToken;      // may go to a client and come back: it is checked
        }
        while (next is not null);

        return names;
    }
    // end-snippet

    public static void Groups(WebApplication app)
    {
        // snippet: concepts-groups
        app.MapGet("/rooms", async (string? after, ISessionDirectory<PriceFeed> directory, CancellationToken cancellationToken) =>
            await directory.ListGroupsAsync(GroupQuery.Largest(directory.Hub), 20, after, cancellationToken));
        // end-snippet
    }

    public static async Task RoutersAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        // snippet: concepts-routers
        var byDefault = services.GetRequiredService<IWebSocketRouter>();                // the hub "default"
        var byHandler = services.GetRequiredService<IWebSocketRouter<PriceFeed>>();     // the hub of a handler
        var byName = services.GetRequiredService<IWebSocketRouterFactory>().GetRouter("prices");
        // end-snippet
        await byDefault.SendToAllAsync(byHandler.Hub, cancellationToken);
        await byName.SendToAllAsync("x", cancellationToken);
    }
}

// snippet: concepts-back-pressure
public sealed class DownloadHandler : WebSocketHandler
{
    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        var buffer = new byte[32 * 1024];
        await using var file = Files.Open(message.GetText());
        for (int read; (read = await file.ReadAsync(buffer, cancellationToken)) > 0;)
        {
            await Connection.SendWhenRoomAsync(buffer.AsMemory(0, read), cancellationToken);   // as fast as the client reads, and no faster
        }
    }
}
// end-snippet

public sealed record Position(double X, double Y);

public interface IMail
{
    ValueTask RemindAsync(string user);
}

file static class Files
{
    internal static Stream Open(string name) => new MemoryStream(System.Text.Encoding.UTF8.GetBytes(name));
}
