// snippet: readme
using System.Security.Claims;
using DistributedSockets;

// end-snippet
namespace DistributedSockets.Docs.Tests.Snippets.Readme;

internal static class ReadmeProgram
{
    public static WebApplication Build(string[] args)
    {
        // snippet: readme
        var builder = WebApplication.CreateBuilder(args);
        builder.Services.AddAuthentication("cookie").AddCookie("cookie");
        builder.Services.AddAuthorization();
        var sockets = builder.Services.AddDistributedWebSockets();  // complete on one node
        if (builder.Configuration["redis"] is { } redis)
        {
            sockets.UseRedis(redis);                                // many nodes: --redis=localhost:6379
        }

        var app = builder.Build();
        app.MapDistributedWebSocket<ChatHandler>("/chat").RequireAuthorization();
        app.MapGet("/", () => "Open the console of this page.");    // browsers let no error page connect

        // Push: from any node to every connection of a user, wherever it is. Only who has signed in may.
        app.MapPost("/notify/{user}", async (string user, Alert alert, IWebSocketRouter<ChatHandler> router) =>
        {
            try
            {
                await router.SendToUserAsync(user, alert);
                return Results.Accepted();
            }
            catch (BackplaneUnavailableException)
            {
                return Results.StatusCode(503);                     // Redis is away; connections of this node got it
            }
        }).RequireAuthorization();

        // Your own sign-in comes here. This one believes everybody, so it is there while you develop, and nowhere else.
        if (app.Environment.IsDevelopment())
        {
            app.MapPost("/sign-in/{user}", (string user) => Results.SignIn(
                new ClaimsPrincipal(new ClaimsIdentity([new("sub", user)], "development")), authenticationScheme: "cookie"));
        }
        // end-snippet
        return app;
    }

    public static void Run(WebApplication app)
    {
        // snippet: readme
        app.Run();
        // end-snippet
    }
}

// snippet: readme
public sealed record Alert(string Title, string Text);

// Chat: one handler per connection, so its fields are the connection's state.
[WebSocketHub("chat")]
public sealed class ChatHandler(IWebSocketRouter<ChatHandler> router) : WebSocketHandler
{
    public override ValueTask OnConnectedAsync(CancellationToken cancellationToken) =>
        router.AddToGroupAsync(Connection.Id, "lobby", cancellationToken);

    public override ValueTask OnMessageAsync(WebSocketMessage message, CancellationToken cancellationToken) =>
        router.SendToGroupAsync("lobby", message, cancellationToken);
}
// end-snippet
