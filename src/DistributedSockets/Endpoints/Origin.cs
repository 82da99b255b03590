using System.Buffers;
using System.Net;
using System.Net.Sockets;

namespace DistributedSockets;

/// <summary>An origin in the one form in which origins are compared (RFC 6454 §4): lower case, the default port told, addresses in their short form.</summary>
/// <param name="Scheme">The scheme; that of a WebSocket counts as the scheme of the page that would open it.</param>
/// <param name="Host">The host, in brackets if it is an IPv6 address; may be empty for schemes other than HTTP's.</param>
/// <param name="Port">The port, or 0 if there is none and the scheme has no default.</param>
internal readonly record struct Origin(string Scheme, string Host, int Port)
{
    private const string SchemeEnd = "://";
    private const string Http = "http";
    private const string Https = "https";

    private static readonly SearchValues<char> s_schemeLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789+-.");
    private static readonly SearchValues<char> s_hostLetters = SearchValues.Create("abcdefghijklmnopqrstuvwxyz0123456789-._~");

    private bool IsHttp => Scheme is Http or Https;

    /// <summary>Reads an origin as a client may write it: browsers without a path, other programs also as the URL that they connect to.</summary>
    /// <param name="text">The text.</param>
    /// <param name="origin">The origin.</param>
    /// <param name="hasPath">Whether more follows, be it only a slash.</param>
    /// <returns>What is wrong, or <see langword="null"/>.</returns>
    internal static string? Read(string text, out Origin origin, out bool hasPath)
    {
        origin = default;
        hasPath = false;
        if (text.AsSpan().ContainsAnyExceptInRange('!', '~'))
        {
            return "it has a space or a letter that no client sends: write the host in ASCII (xn--…), as browsers do";
        }

        if (text.AsSpan().ContainsAny('@', '\\', ','))
        {
            return "it has an @, a backslash or a comma, which no origin has";
        }

        if (text is "null")
        {
            return "null is the origin of every sandboxed frame and of local files, so it would let everybody in: write * if that is wanted";
        }

        var separator = text.IndexOf(SchemeEnd, StringComparison.Ordinal);
        var scheme = separator < 0 ? "" : text[..separator].ToLowerInvariant();
        if (scheme.Length == 0 || !char.IsAsciiLetter(scheme[0]) || scheme.AsSpan().ContainsAnyExcept(s_schemeLetters))
        {
            return "it does not begin with a scheme such as https://";
        }

        scheme = scheme switch
        {
            "ws" => Http,
            "wss" => Https,
            _ => scheme,
        };
        var rest = text.AsSpan(separator + SchemeEnd.Length);
        var end = rest.IndexOf('/');
        hasPath = end >= 0;
        var defaultPort = scheme switch
        {
            Http => 80,
            Https => 443,
            _ => 0,
        };
        return ReadAuthority(end < 0 ? rest : rest[..end], defaultPort, out var host, out var port)
            ?? Accept(new(scheme, host, port), out origin);
    }

    /// <summary>Whether this is an origin of HTTP's, of the host that a request asks for.</summary>
    /// <param name="requestHost">
    /// The header <c>Host</c>. Without a port it stands for this origin's default port: behind a proxy that ends TLS, the server sees another scheme
    /// than the browser.
    /// </param>
    internal bool IsOf(string requestHost) =>
        IsHttp && ReadAuthority(requestHost, Scheme == Https ? 443 : 80, out var host, out var port) is null && host == Host && port == Port;

    /// <summary>As it is written in the options.</summary>
    public override string ToString() => $"{Scheme}{SchemeEnd}{Host}{(Port is 0 || (Scheme, Port) is (Http, 80) or (Https, 443) ? "" : $":{Port}")}";

    private static string? Accept(Origin read, out Origin origin)
    {
        origin = read;
        if (read is { Host: "", IsHttp: true })
        {
            return "it has no host";
        }

        // Browsers read a host that ends in a number as an IPv4 address, and write it as one.
        var lastLabel = read.Host.AsSpan(read.Host.LastIndexOf('.') + 1);
        return read.IsHttp && lastLabel.Length > 0 && (!lastLabel.ContainsAnyExceptInRange('0', '9') || lastLabel.StartsWith("0x"))
            && !(IPAddress.TryParse(read.Host, out var address) && address.ToString() == read.Host)
            ? "its host is an IPv4 address in a form that no browser sends: write it as 192.0.2.1"
            : null;
    }

    private static string? ReadAuthority(ReadOnlySpan<char> authority, int defaultPort, out string host, out int port)
    {
        port = defaultPort;
        var colon = authority.LastIndexOf(':');
        if (authority.StartsWith('['))
        {
            var end = authority.IndexOf(']');
            colon = end >= 0 && end + 1 < authority.Length ? end + 1 : -1;
            host = "";
            if (end < 0 || authority[..end].Contains('%') || (colon >= 0 && authority[colon] != ':')
                || !IPAddress.TryParse(authority[1..end], out var address) || address.AddressFamily != AddressFamily.InterNetworkV6)
            {
                return "its host is no IPv6 address";
            }

            host = $"[{address}]";
        }
        else
        {
            host = (colon < 0 ? authority : authority[..colon]).ToString().ToLowerInvariant();
            if (host.Contains('*'))
            {
                return "it has a wildcard: list each host, or write * alone for any origin";
            }

            if (host.AsSpan().ContainsAnyExcept(s_hostLetters) || host.Contains("..", StringComparison.Ordinal) || (host.StartsWith('.') && host.Length > 1))
            {
                return "its host is no name: write an IPv6 address in brackets";
            }
        }

        return colon < 0 ? null : ReadPort(authority[(colon + 1)..], out port);
    }

    private static string? ReadPort(ReadOnlySpan<char> text, out int port)
    {
        port = 0;
        return text.Length is > 0 and <= 5 && text[0] is not '0' && !text.ContainsAnyExceptInRange('0', '9') && (port = int.Parse(text)) <= ushort.MaxValue
            ? null
            : "its port is no number from 1 to 65535";
    }
}
