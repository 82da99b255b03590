namespace DistributedSockets.Docs.Tests.Snippets.ResumableSessions;

/// <summary>The code of <c>docs/resumable-sessions.md</c>.</summary>
internal static class ResumableSessionsProgram
{
    public static void Add(WebApplicationBuilder builder)
    {
        // snippet: resumable-sessions-add
        builder.Services.AddDistributedWebSockets()
            .UseRedis("localhost:6379")
            .AddHub<ChatHandler>(hub =>
            {
                hub.EnableResume = true;
                hub.LoggedGroups.Add("*");              // nothing that is sent to a group is missed
                hub.LogUsers = true;                    // nor to a user
            });
        // end-snippet
    }

    public static async Task SayAsync(IWebSocketRouter router, WebSocketConnection? connection, string userId, string room, string message, string idOfThePage, CancellationToken cancellationToken)
    {
        // snippet: resumable-sessions-once
        // The page gives each message an id of its own. A repeat under the same key is the same entry of the log.
        await router.SendAsync(
            WebSocketTarget.Group(room), message, new SendOptions { IdempotencyKey = $"{userId}:{idOfThePage}", OnBehalfOf = connection }, cancellationToken: cancellationToken);
        // end-snippet
    }

    public static async Task JoinAsync(IWebSocketRouter router, string connectionId, string room, CancellationToken cancellationToken)
    {
        // snippet: resumable-sessions-history
        await router.Log.AddToGroupAsync(connectionId, room, last: 50, cancellationToken);    // the last 50, then live, none missing and none twice
        // end-snippet
    }
}

[WebSocketHub("chat")]
internal sealed class ChatHandler : WebSocketHandler
{
    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) => Connection.SendAsync(message, cancellationToken);
}
