// snippet: readme
using DistributedSockets;

// end-snippet
namespace DistributedSockets.Docs.Tests.Snippets.Readme;

internal static class ReadmeProgram
{
    public static WebApplication Build(string[] args)
    {
        // snippet: readme
        var builder = WebApplication.CreateBuilder(args);
        var sockets = builder.Services.AddDistributedWebSockets();  // complete on one node
        if (builder.Configuration["redis"] is { } redis)
        {
            sockets.UseRedis(redis);                                // many nodes: --redis=localhost:6379
        }

        var app = builder.Build();
        app.MapDistributedWebSocket<ChatHandler>("/chat");

        // Push: from any node to every connection of a user, wherever it is.
        app.MapPost("/notify/{user}", async (string user, Alert alert, IWebSocketRouter<ChatHandler> router) =>
        {
            await router.SendToUserAsync(user, alert);
            return Results.Accepted();
        });
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
