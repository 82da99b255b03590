using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Decides whether a page of some origin may connect. Browsers send Origin and apply no same-origin policy to WebSockets (RFC 6455 §10.2).</summary>
internal sealed class OriginCheck
{
    private const string Any = "*";

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
