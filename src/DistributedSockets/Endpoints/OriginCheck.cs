using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Decides whether a page of some origin may connect. Browsers send Origin and apply no same-origin policy to WebSockets (RFC 6455 §10.2).</summary>
internal sealed class OriginCheck
{
    private static readonly (string Scheme, string DefaultPort)[] s_schemes = [("https://", ":443"), ("http://", ":80")];

    private readonly bool _any;
    private readonly HashSet<string> _allowed;

    internal OriginCheck(IEnumerable<string> allowedOrigins)
    {
        _allowed = new(allowedOrigins, StringComparer.OrdinalIgnoreCase);
        _any = _allowed.Contains("*");
    }

    /// <summary>Whether the request comes from a program that sends no Origin, from the request's own host, or from an allowed origin.</summary>
    internal bool Allows(HttpRequest request)
    {
        var headers = request.Headers.Origin;
        if (_any || headers.Count == 0)
        {
            return true;
        }

        // "null" is the origin of sandboxed frames and local files: nobody's, so it matches no host.
        return headers is [{ } origin] && (_allowed.Contains(origin) || IsOwnHost(origin, request.Headers.Host.ToString()));
    }

    private static bool IsOwnHost(string origin, string host)
    {
        // scheme "://" host [":" port], and nothing else (RFC 6454 §6.2). Origin and Host come from the same browser in the same spelling, so they are
        // compared as text: what is written in another way, browsers do not send. Behind a proxy that ends TLS this server sees another scheme than the
        // browser, so a host without a port stands for the origin's default port.
        foreach (var (scheme, defaultPort) in s_schemes)
        {
            if (origin.StartsWith(scheme, StringComparison.OrdinalIgnoreCase))
            {
                var own = Without(defaultPort, origin.AsSpan(scheme.Length));
                return own.Length > 0 && own.Equals(Without(defaultPort, host), StringComparison.OrdinalIgnoreCase);
            }
        }

        return false;
    }

    private static ReadOnlySpan<char> Without(string port, ReadOnlySpan<char> authority) =>
        authority.EndsWith(port, StringComparison.Ordinal) ? authority[..^port.Length] : authority;
}
