using System.Net.WebSockets;
using StackExchange.Redis;

namespace DistributedSockets.Docs.Tests.Snippets.Recipes;

internal static class RecipesProgram
{
    public static void Presence(WebApplicationBuilder builder)
    {
        // snippet: recipes-presence
        builder.Services.AddDistributedWebSockets()
            .AddHub<RoomHandler>(hub => hub.Presence = PresenceScope.UsersAndGroups)
            .AddPresenceObserver<RoomPresence>();
        // end-snippet
    }

    public static void MapPresence(WebApplication app)
    {
        // snippet: recipes-presence
        app.MapGet("/rooms/{room}/people", async (string room, IPresenceRoster<RoomHandler> roster, CancellationToken cancellationToken) =>
        {
            try
            {
                await roster.WaitUntilReadAsync(cancellationToken);     // the first time it reads a snapshot; later it returns at once
                return Results.Ok(roster.ListUsersInGroup(room));
            }
            catch (Exception exception) when (exception is BackplaneUnavailableException or SessionStoreUnavailableException)
            {
                return Results.StatusCode(503);                         // nothing has been read yet
            }
        });
        // end-snippet
    }

    public static void Kick(WebApplication app)
    {
        // snippet: recipes-kick
        app.MapPost("/admin/ban/{user}", async (string user, Bans bans, IWebSocketRouter<RoomHandler> router, CancellationToken cancellationToken) =>
        {
            bans.Add(user);     // first, so that nobody is back before the ban is known
            try
            {
                await router.DisconnectUserAsync(user, WebSocketCloseStatus.PolicyViolation, "banned", cancellationToken);
                return Results.NoContent();
            }
            catch (BackplaneUnavailableException)
            {
                // Banned, and gone from this server. What is connected to others has to be tried again.
                return Results.StatusCode(StatusCodes.Status503ServiceUnavailable);
            }
        }).RequireAuthorization("admin");
        // end-snippet
    }

    public static void Multiplexer(WebApplicationBuilder builder)
    {
        // snippet: recipes-multiplexer
        builder.Services.AddSingleton<IConnectionMultiplexer>(_ => ConnectionMultiplexer.Connect("localhost:6379,abortConnect=false"));

        builder.Services.AddDistributedWebSockets().UseRedis();
        builder.Services.AddOptions<RedisBackplaneOptions>()
            .Configure<IConnectionMultiplexer>((options, redis) => options.ConnectionMultiplexer = redis);
        builder.Services.AddOptions<RedisMessageLogOptions>()
            .Configure<IConnectionMultiplexer>((options, redis) => options.ConnectionMultiplexer = redis);
        builder.Services.AddOptions<RedisSessionStoreOptions>()
            .Configure<IConnectionMultiplexer>((options, redis) => options.ConnectionMultiplexer = redis);
        // end-snippet
    }
}

// snippet: recipes-rooms
[WebSocketHub("rooms")]
public sealed class RoomHandler(IWebSocketRouter<RoomHandler> router, IRoomMemberships rooms) : WebSocketHandler
{
    // Which rooms a user is a member of is the app's data. A connection joins them each time it comes.
    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        foreach (var room in await rooms.OfAsync(Connection.UserId!, cancellationToken))
        {
            await router.AddToGroupAsync(Connection.Id, room, cancellationToken);
        }
    }
}

public interface IRoomMemberships
{
    Task<IReadOnlyList<string>> OfAsync(string userId, CancellationToken cancellationToken);

    Task AddAsync(string userId, string room, CancellationToken cancellationToken);
}
// end-snippet

// snippet: recipes-join
public sealed class RoomService(IRoomMemberships rooms, IWebSocketRouter<RoomHandler> router)
{
    public async Task JoinAsync(string userId, string room, CancellationToken cancellationToken)
    {
        await rooms.AddAsync(userId, room, cancellationToken);                  // for connections to come
        await router.AddUserToGroupAsync(userId, room, cancellationToken);      // for those that are open now, wherever
    }
}
// end-snippet

// snippet: recipes-presence-observer
public sealed class RoomPresence(IWebSocketRouterFactory routers) : IPresenceObserver
{
    // Called on one node of the cluster for each change, so that each page hears of it once.
    public async ValueTask OnPresenceChangedAsync(PresenceChange change, CancellationToken cancellationToken)
    {
        if (change.Group is { } room)
        {
            await routers.GetRouter(change.Hub).SendToGroupAsync(
                room, new { type = "people", change.UserId, here = change.Kind == PresenceChangeKind.EnteredGroup, change.Number }, cancellationToken);
        }
    }
}
// end-snippet

internal sealed class Bans
{
    private readonly HashSet<string> _users = [];

    public void Add(string user)
    {
        lock (_users)
        {
            _users.Add(user);
        }
    }
}
