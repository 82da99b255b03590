using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;

namespace DistributedSockets.TestNode;

/// <summary>Sends over HTTP: the body is the payload of a text message. 202 when it is on its way, 503 when the backplane is away, or the log for what is logged. The answer to a logged one is its position.</summary>
internal static class SendEndpoints
{
    public static void MapSends(this IEndpointRouteBuilder app, IWebSocketRouter router)
    {
        app.MapPost("/send/all", Task<IResult> (HttpContext context, CancellationToken _) => SendAsync(context, router, WebSocketTarget.All));
        app.MapPost("/send/user/{user}", (HttpContext context, string user) => SendAsync(context, router, WebSocketTarget.User(user)));
        app.MapPost("/send/group/{group}", (HttpContext context, string group) => SendAsync(context, router, WebSocketTarget.Group(group)));
        app.MapPost("/send/connection/{id}", (HttpContext context, string id) => SendAsync(context, router, WebSocketTarget.Connection(id)));
    }

    private static async Task<IResult> SendAsync(HttpContext context, IWebSocketRouter router, WebSocketTarget target)
    {
        var reader = context.Request.BodyReader;
        var body = await ReadAllAsync(reader, context.RequestAborted);
        try
        {
            var payload = body.IsSingleSegment ? body.First : body.ToArray();
            var result = await router.SendAsync(target, new WebSocketMessage(payload, WebSocketMessageType.Text), default(SendOptions), context.RequestAborted);
            return result.Position is { } position ? Results.Text($"{position}", statusCode: StatusCodes.Status202Accepted) : Results.Accepted();
        }
        catch (MessageLogUnavailableException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: exception.IsOutcomeUnknown ? "The message log did not answer." : "The message log is away.");
        }
        catch (BackplaneUnavailableException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: "The backplane is away.");
        }
        catch (ArgumentException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status400BadRequest, title: "The target cannot be.");
        }
        finally
        {
            reader.AdvanceTo(body.End);
        }
    }

    private static async ValueTask<ReadOnlySequence<byte>> ReadAllAsync(PipeReader reader, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await reader.ReadAsync(cancellationToken);
            if (result.IsCompleted)
            {
                return result.Buffer;
            }

            reader.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }
}
