namespace DistributedSockets.TestNode;

/// <summary>Reads what the hub has logged: the last messages, or those behind a position, of everyone, a user, a group or a connection.</summary>
internal static class HistoryEndpoints
{
    private const int DefaultLimit = 100;

    public static void MapHistory(this IEndpointRouteBuilder app, IWebSocketRouter router)
    {
        app.MapGet("/history/all", (string? after, string? upTo, int? limit, CancellationToken cancellationToken) =>
            ReadAsync(router, WebSocketTarget.All, after, upTo, limit, cancellationToken));
        app.MapGet("/history/user/{user}", (string user, string? after, string? upTo, int? limit, CancellationToken cancellationToken) =>
            ReadAsync(router, WebSocketTarget.User(user), after, upTo, limit, cancellationToken));
        app.MapGet("/history/group/{group}", (string group, string? after, string? upTo, int? limit, CancellationToken cancellationToken) =>
            ReadAsync(router, WebSocketTarget.Group(group), after, upTo, limit, cancellationToken));
        app.MapGet("/history/connection/{id}", (string id, string? after, string? upTo, int? limit, CancellationToken cancellationToken) =>
            ReadAsync(router, WebSocketTarget.Connection(id), after, upTo, limit, cancellationToken));
        app.MapGet("/history/end", (CancellationToken cancellationToken) =>
            AnswerAsync(async () => Results.Ok($"{await router.Log.GetEndAsync(cancellationToken)}")));
    }

    private static Task<IResult> ReadAsync(
        IWebSocketRouter router, WebSocketTarget target, string? after, string? upTo, int? limit, CancellationToken cancellationToken) => AnswerAsync(async () =>
    {
        var page = after is not null
            ? await router.Log.ReadAsync(target, Position(after), limit ?? DefaultLimit, cancellationToken)
            : await router.Log.ReadLastAsync(target, limit ?? DefaultLimit, upTo is null ? null : Position(upTo), cancellationToken);
        return Results.Ok(HistoryAnswer.Of(page));
    });

    /// <summary>Reads a position as it is written: epoch, a hyphen, offset; empty for the oldest that is left.</summary>
    private static LogPosition Position(string text)
    {
        if (text.Length == 0)
        {
            return default;
        }

        var parts = text.Split('-');
        return parts is [var epoch, var offset] && long.TryParse(epoch, out var life) && long.TryParse(offset, out var place)
            ? new(life, place)
            : throw new FormatException($"'{text}' is no position. Write epoch and offset with a hyphen between, as answers do.");
    }

    private static async Task<IResult> AnswerAsync(Func<Task<IResult>> answer)
    {
        try
        {
            return await answer();
        }
        catch (MessageLogUnavailableException exception)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status503ServiceUnavailable, title: "The message log is away.");
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or InvalidOperationException)
        {
            return Results.Problem(exception.Message, statusCode: StatusCodes.Status400BadRequest, title: "The question cannot be.");
        }
    }
}
