using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets;

/// <summary>Waits for a handshake to come from routing to its endpoint, and tells of it if somebody in between refuses it.</summary>
internal sealed class HandshakeWatch
{
    private static readonly HandshakeWatch s_ended = new(null, null);

    private readonly HttpContext? _context;
    private readonly ConnectionLog? _log;

    private HandshakeWatch(HttpContext? context, ConnectionLog? log) => (_context, _log) = (context, log);

    internal static void Begin(HttpContext context, ConnectionLog log)
    {
        if (!context.Response.HasStarted)
        {
            // Nothing else holds it: a request of a connection lives long.
            context.Response.OnStarting(static state => ((HandshakeWatch)state).OnStarting(), new HandshakeWatch(context, log)); // state is that
        }
    }

    /// <summary>The endpoint has it. Where it has put in its tap, that says so.</summary>
    internal static void End(IFeatureCollection features) => features.Set(s_ended);

    private Task OnStarting()
    {
        var (response, features) = (_context!.Response, _context.Features); // both are given where this is called
        if (response.StatusCode >= StatusCodes.Status300MultipleChoices && TapFeature.Find(features) is null && features.Get<HandshakeWatch>() is null)
        {
            End(features); // it may have been routed a second time, such as to show an error page
            _log!.Refused(new(response.StatusCode, "It was refused before it came to the endpoint.", RefusalKind.Middleware, Remedy(response.StatusCode)));
        }

        return Task.CompletedTask;
    }

    private static string Remedy(int status) => status switch
    {
        StatusCodes.Status401Unauthorized =>
            "Authorization wants a user who has signed in, and this one has not: look whether its cookie, token or ticket comes with the handshake and is still valid, or leave out RequireAuthorization.",
        StatusCodes.Status403Forbidden =>
            "Authorization does not let this user in: look at the policy of RequireAuthorization.",
        StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable =>
            "Middleware before the endpoint refused it, such as rate limiting: give the endpoint a policy of its own, or DisableRateLimiting(). Or the store of connection tickets is away; log event 221 says so then.",
        < StatusCodes.Status400BadRequest =>
            "Middleware answered with a redirect, which no WebSocket client follows: use wss:// where UseHttpsRedirection stands in front, and no sign-in by redirect.",
        _ => "Middleware between routing and the endpoint refused it; its own log says why.",
    };
}
