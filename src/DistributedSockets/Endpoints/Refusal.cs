using System.Globalization;
using Microsoft.AspNetCore.Http;
using Microsoft.Net.Http.Headers;

namespace DistributedSockets;

/// <summary>Why a handshake is refused.</summary>
/// <param name="StatusCode">The status of the answer.</param>
/// <param name="Reason">What the client is told, if it can read it: a browser shows its page nothing but the close code 1006.</param>
/// <param name="Kind">What it is refused for.</param>
/// <param name="Remedy">What to do about it, for the log; <see langword="null"/> for what is no refusal of a browser's handshake.</param>
internal readonly record struct Refusal(int StatusCode, string Reason, RefusalKind Kind = RefusalKind.App, string? Remedy = null)
{
    /// <summary>The version of the protocol that is spoken here.</summary>
    internal const string SpokenVersion = "13";

    private const int DefaultRetryAfter = 1;

    /// <summary>After how many seconds to connect again, for a status that says to; 0 for 1 second.</summary>
    internal int RetryAfter { get; init; }

    /// <summary>Answers with it. Nothing of the answer may have been sent, but the platform may have written its headers.</summary>
    internal Task WriteAsync(HttpContext context)
    {
        var response = context.Response;
        var headers = response.Headers;
        if (headers.Remove(HeaderNames.SecWebSocketAccept))
        {
            headers.Remove(HeaderNames.Connection);
            headers.Remove(HeaderNames.Upgrade);
        }

        headers.Remove(HeaderNames.SecWebSocketProtocol);
        headers.Remove(HeaderNames.SecWebSocketExtensions);
        switch (StatusCode)
        {
            case StatusCodes.Status426UpgradeRequired:
                headers.SecWebSocketVersion = SpokenVersion; // RFC 6455 §4.4
                if (HttpProtocol.IsHttp11(context.Request.Protocol))
                {
                    headers.Upgrade = "websocket"; // goes with this status (RFC 9110 §15.5.22), and is unknown to HTTP/2
                }

                break;
            case StatusCodes.Status429TooManyRequests or StatusCodes.Status503ServiceUnavailable:
                headers.RetryAfter = (RetryAfter > 0 ? RetryAfter : DefaultRetryAfter).ToString(CultureInfo.InvariantCulture);
                break;
        }

        response.StatusCode = StatusCode;
        response.ContentType = "text/plain; charset=utf-8";
        return response.WriteAsync(Reason + "\n");
    }
}
