using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Decides whether a page of some origin may connect. Browsers send Origin and apply no same-origin policy to WebSockets (RFC 6455 §10.2).</summary>
internal sealed class OriginCheck
{
    private const string Any = "*";
    private const int MaxShownLength = 300;

    private readonly bool _any;
    private readonly HashSet<Origin> _allowed = [];

    /// <param name="allowedOrigins">Origins without a <see cref="Problem"/>.</param>
    internal OriginCheck(IEnumerable<string> allowedOrigins)
    {
        foreach (var text in allowedOrigins)
        {
            if (text == Any)
            {
                _any = true;
            }
            else if (Origin.Read(text, out var origin, out _) is null)
            {
                _allowed.Add(origin);
            }
        }
    }

    /// <summary>What keeps a configured origin from ever matching what a client sends, or <see langword="null"/>.</summary>
    internal static string? Problem(string? text)
    {
        if (text is null or "")
        {
            return "it is empty";
        }

        return text == Any ? null : Origin.Read(text, out _, out var hasPath) ?? (hasPath ? "it goes on after the host: leave the slash out, and all that follows" : null);
    }

    /// <summary>How to let a page in that was refused. What it sent is repeated only where it can be read, as it may hold anything.</summary>
    internal static string Remedy(HttpRequest request)
    {
        if (request.Headers.Origin is not [{ Length: <= MaxShownLength } text])
        {
            return "It has an Origin of no known form, and no option allows that.";
        }

        if (text == "null")
        {
            return "It comes from a page without an origin, such as a file or a sandboxed frame. Only \"*\" in DistributedWebSocketsOptions.AllowedOrigins would let it in, and everybody else.";
        }

        return Origin.Read(text, out var origin, out _) is null
            ? $"A page of {origin} may not connect. If it should, add \"{origin}\" to DistributedWebSocketsOptions.AllowedOrigins; if it is this server's own, " +
              "a proxy has changed the header Host, and should pass it on as it was."
            : "It has an Origin of no known form, and no option allows that.";
    }

    /// <summary>Whether the request comes from a program that sends no Origin, from the request's own host, or from an allowed origin.</summary>
    internal bool Allows(HttpRequest request)
    {
        var headers = request.Headers.Origin;
        if (_any || headers.Count == 0)
        {
            return true;
        }

        // Only programs write a path: browsers, from which the check protects, send an origin and nothing else.
        return headers is [{ } text] && Origin.Read(text, out var origin, out _) is null
            && (_allowed.Contains(origin) || origin.IsOf(request.Headers.Host.ToString()));
    }
}
