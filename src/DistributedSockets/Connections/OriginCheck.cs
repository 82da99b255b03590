using Microsoft.AspNetCore.Http;

namespace DistributedSockets;

/// <summary>Decides whether a page of some origin may connect. Browsers send Origin and apply no same-origin policy to WebSockets (RFC 6455 §10.2).</summary>
internal sealed class OriginCheck
{
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

    private static bool IsOwnHost(string origin, string hostHeader)
    {
        // scheme "://" host [":" port], and nothing else (RFC 6454 §6.2); compared as text, as browsers write both alike.
        var (scheme, defaultPort) = origin.StartsWith("https://", StringComparison.OrdinalIgnoreCase) ? ("https://", 443) : ("http://", 80);
        var authority = origin.StartsWith(scheme, StringComparison.OrdinalIgnoreCase) ? origin[scheme.Length..] : "";
        if (authority.Length == 0 || authority.AsSpan().ContainsAny("/@?#"))
        {
            return false;
        }

        // Behind a proxy that ends TLS this server sees another scheme than the browser, so a host without a port stands for the origin's default port.
        // Neither is decoded: both come from the same browser, and a name that is no punycode must not throw.
        var (own, host) = (new HostString(authority), new HostString(hostHeader));
        return string.Equals(own.Host, host.Host, StringComparison.OrdinalIgnoreCase) && (own.Port ?? defaultPort) == (host.Port ?? defaultPort);
    }
}
