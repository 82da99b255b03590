namespace DistributedSockets.Docs.Tests.Snippets.Promises;

// snippet: promises-observer
public sealed class ResyncObserver(NodeInfo node, ISessionDirectory sessions, IWebSocketRouterFactory routers) : IClusterObserver
{
    // Connections of this node may have missed something: let them ask again for what they show.
    public async ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken)
    {
        var chat = routers.GetRouter("chat");
        await foreach (var session in sessions.ListAsync(SessionQuery.ForNode(node.NodeId, "chat"), cancellationToken))
        {
            await chat.SendToConnectionAsync(session.ConnectionId, """{"type":"resync"}""", cancellationToken);
        }
    }
}
// end-snippet

internal static class PromisesProgram
{
    public static void Observe(WebApplicationBuilder builder)
    {
        // snippet: promises-observe
        builder.Services.AddDistributedWebSockets().AddClusterObserver<ResyncObserver>();
        // end-snippet
    }

    public static void Map(WebApplication app)
    {
        // snippet: promises-send
        app.MapPost("/notify/{user}", async (string user, Alert alert, IWebSocketRouter router, CancellationToken cancellationToken) =>
        {
            try
            {
                await router.SendToUserAsync(user, alert, cancellationToken: cancellationToken);
                return Results.Accepted();
            }
            catch (BackplaneUnavailableException)
            {
                return Results.Problem("Other nodes could not be reached.", statusCode: StatusCodes.Status503ServiceUnavailable);
            }
        });
        // end-snippet
    }

    internal sealed record Alert(string Title, string Text);
}
