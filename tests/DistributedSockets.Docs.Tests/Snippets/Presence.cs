using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Docs.Tests.Snippets.Presence;

[WebSocketHub("chat")]
public sealed class ChatHandler : WebSocketHandler;

// snippet: presence-observer
public sealed record PresenceMessage(string Type, string User, string? Room, long Number);

public sealed class PresencePusher(IWebSocketRouter<ChatHandler> router) : IPresenceObserver
{
    // Called once in the whole cluster for each change, on one of the nodes.
    public ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken)
    {
        var message = new PresenceMessage(change.Kind.ToString(), change.UserId, change.Group, change.Number);
        return change.Group is { } group
            ? router.SendToGroupAsync(group, message, cancellationToken)
            : router.SendToAllAsync(message, cancellationToken);
    }
}
// end-snippet

internal static class PresenceProgram
{
    public static void Add(WebApplicationBuilder builder)
    {
        // snippet: presence-add
        builder.Services.AddDistributedWebSockets()
            .UseRedis("localhost:6379")
            .AddHub<ChatHandler>(hub => hub.Presence = PresenceScope.UsersAndGroups)
            .AddPresenceObserver<PresencePusher>();
        // end-snippet
    }

    public static void Map(IEndpointRouteBuilder app)
    {
        // snippet: presence-roster
        app.MapGet("/online", async (IPresenceRoster<ChatHandler> roster, CancellationToken cancellationToken) =>
        {
            try
            {
                await roster.WaitUntilReadAsync(cancellationToken);     // the first time it reads a snapshot; later it returns at once
                return Results.Ok(roster.ListUsers());
            }
            catch (Exception exception) when (exception is BackplaneUnavailableException or SessionStoreUnavailableException)
            {
                return Results.StatusCode(503);                         // nothing has been read yet
            }
        });
        // end-snippet
    }
}
