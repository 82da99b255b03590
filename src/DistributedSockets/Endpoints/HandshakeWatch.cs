using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Waits for a handshake to come from routing to its endpoint, and tells of it if somebody in between refuses it.</summary>
internal sealed class HandshakeWatch
{
    private readonly HttpResponse _response;
    private readonly ConnectionLog _log;
    private bool _hasEnded;

    private HandshakeWatch(HttpResponse response, ConnectionLog log) => (_response, _log) = (response, log);

    internal static void Begin(HttpContext context, ConnectionLog log)
    {
        if (context.Features.Get<HandshakeWatch>() is not null || context.Response.HasStarted)
        {
            return; // routed a second time, such as to show an error page
        }

        var watch = new HandshakeWatch(context.Response, log);
        context.Features.Set(watch);
        context.Response.OnStarting(static state => ((HandshakeWatch)state).OnStarting(), watch); // state is watch
    }

    /// <summary>The endpoint has it.</summary>
    internal void End() => _hasEnded = true;

    private Task OnStarting()
    {
        if (!_hasEnded && _response.StatusCode >= StatusCodes.Status300MultipleChoices)
        {
            _hasEnded = true;
            _log.Refused(new(_response.StatusCode, "It was refused before it came to the endpoint.", RefusalKind.Middleware, Remedy(_response.StatusCode)));
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
