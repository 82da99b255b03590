using DistributedSockets;
using Microsoft.AspNetCore.Diagnostics;
using Microsoft.AspNetCore.Mvc;

namespace Push.Web;

/// <summary>Answers what the caller got wrong, and a backplane that is away, with a problem document.</summary>
internal sealed class ProblemWriter(IProblemDetailsService problems) : IExceptionHandler
{
    // Not the exception's own text, which is for the log: it may name servers.
    private const string NotReached = "The nodes cannot reach each other right now. At best, connections of the node that you asked got the push.";

    public ValueTask<bool> TryHandleAsync(HttpContext context, Exception exception, CancellationToken cancellationToken)
    {
        ProblemDetails? problem = exception switch
        {
            BackplaneUnavailableException => new() { Status = StatusCodes.Status503ServiceUnavailable, Detail = NotReached },
            BadHttpRequestException bad => new() { Status = bad.StatusCode, Detail = Describe(bad) },
            _ => null,
        };
        if (problem is not { Status: { } status })
        {
            return ValueTask.FromResult(false);
        }

        context.Response.StatusCode = status;
        return problems.TryWriteAsync(new ProblemDetailsContext { HttpContext = context, Exception = exception, ProblemDetails = problem });
    }

    private static string Describe(BadHttpRequestException exception) => exception.StatusCode switch
    {
        StatusCodes.Status400BadRequest => "The body must be a JSON object with title and text, both strings.",
        StatusCodes.Status415UnsupportedMediaType => "Send the body as application/json.",
        _ => exception.Message,
    };
}
