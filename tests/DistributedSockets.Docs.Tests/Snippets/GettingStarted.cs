namespace DistributedSockets.Docs.Tests.Snippets.GettingStarted;

internal static class GettingStartedProgram
{
    public static WebApplication Build(string[] args, Action<WebApplicationBuilder>? more = null)
    {
        // snippet: start-program
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddDistributedWebSockets();
        builder.Services.AddSingleton<IUserIdProvider, UserFromQuery>();    // for a first try only
        // end-snippet
        more?.Invoke(builder);

        // snippet: start-program
        var app = builder.Build();
        app.MapDistributedWebSocket<ChatHandler>("/chat");
        app.MapGet("/", () => "Open the console of this page.");            // browsers let no error page connect
        // end-snippet

        // snippet: start-push
        app.MapPost("/notify/{user}", async (string user, Alert alert, IWebSocketRouter<ChatHandler> router) =>
        {
            try
            {
                await router.SendToUserAsync(user, alert);
                return Results.Accepted();
            }
            catch (BackplaneUnavailableException)
            {
                return Results.StatusCode(503);     // other nodes cannot be reached; connections of this one got it
            }
        });
        // end-snippet

        // snippet: start-online
        app.MapGet("/online/{user}", async (string user, ISessionDirectory<ChatHandler> directory) =>
        {
            try
            {
                return Results.Ok(new { online = await directory.IsOnlineAsync(user) });
            }
            catch (SessionStoreUnavailableException)
            {
                return Results.StatusCode(503);     // nobody knows, while the session store is away
            }
        });
        // end-snippet
        return app;
    }

    public static void Run(WebApplication app)
    {
        // snippet: start-program
        app.Run();
        // end-snippet
    }

    public static void Redis(WebApplicationBuilder builder)
    {
        // snippet: start-redis
        builder.Services.AddDistributedWebSockets().UseRedis("localhost:6379");
        // end-snippet
    }

    public static async Task WorkerAsync(string[] args, Action<HostApplicationBuilder>? more = null)
    {
        // snippet: start-worker
        var builder = Host.CreateApplicationBuilder(args);
        builder.Services.AddDistributedWebSockets().UseRedis("localhost:6379");
        builder.Services.AddHostedService<Clock>();
        // end-snippet
        more?.Invoke(builder);

        // snippet: start-worker
        await builder.Build().RunAsync();
        // end-snippet
    }

    public static void Authorize(WebApplication app)
    {
        // snippet: start-authorization
        app.MapDistributedWebSocket<ChatHandler>("/chat").RequireAuthorization();
        // end-snippet
    }

    public static void Lambda(WebApplication app)
    {
        // snippet: start-lambda
        app.MapDistributedWebSocket("/echo", async (connection, message, router, cancellationToken) =>
        {
            await connection.SendAsync(message, cancellationToken);
        });
        // end-snippet
    }
}

// snippet: start-user
public sealed class UserFromQuery : IUserIdProvider
{
    public string? GetUserId(HttpContext context) => context.Request.Query["user"];
}
// end-snippet

// snippet: start-handler
[WebSocketHub("chat")]
public sealed class ChatHandler(IWebSocketRouter<ChatHandler> router) : WebSocketHandler
{
    private int _messages;

    public override async ValueTask OnConnectedAsync(CancellationToken cancellationToken)
    {
        await router.AddToGroupAsync(Connection.Id, "lobby", cancellationToken);
        await router.SendToGroupAsync("lobby", $"{Connection.UserId} is here", cancellationToken);
    }

    public override async ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken)
    {
        _messages++;
        var others = new SendOptions { ExcludedConnectionIds = [Connection.Id] };
        await router.SendAsync(WebSocketTarget.Group("lobby"), $"{Connection.UserId}: {message.GetText()}", others, cancellationToken: cancellationToken);
    }

    public override async ValueTask OnDisconnectedAsync(DisconnectReason reason)
    {
        await router.SendToGroupAsync("lobby", $"{Connection.UserId} is gone after {_messages} messages");
    }
}
// end-snippet

// snippet: start-alert
public sealed record Alert(string Title, string Text);
// end-snippet

// snippet: start-clock
public sealed class Clock(IWebSocketRouterFactory routers) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var chat = routers.GetRouter("chat");       // the hub of ChatHandler, by name
        using var timer = new PeriodicTimer(TimeSpan.FromMinutes(1));
        do
        {
            try
            {
                await chat.SendToAllAsync($"It is {DateTimeOffset.UtcNow:t}.", stoppingToken);
            }
            catch (BackplaneUnavailableException)
            {
                // Redis is away and this minute is not sent. The next one is tried again.
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }
}
// end-snippet
