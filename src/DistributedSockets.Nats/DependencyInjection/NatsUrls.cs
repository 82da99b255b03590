namespace DistributedSockets;

/// <summary>A list of addresses of NATS servers.</summary>
internal static class NatsUrls
{
    /// <summary>The list as the client reads it: it takes white space and an empty place for a part of an address.</summary>
    public static string Normalize(string urls) => string.Join(',', Split(urls));

    /// <summary>What is wrong with a list, as the rest of a sentence that begins with its name; null if nothing is. Repeats nothing, since it may hold a password.</summary>
    public static string? Problem(string? urls)
    {
        string[] servers = [.. Split(urls ?? "")];
        if (servers.Length == 0 || !Array.TrueForAll(servers, static server => Parse(server) is not null))
        {
            return "is no list of NATS servers. Write nats://host:port, or tls, ws or wss instead of nats, several separated by commas; " +
                "percent-encode what is special in a user name or password.";
        }

        var first = Parse(servers[0])!.UserInfo;
        if (Array.Exists(servers, server => Parse(server)!.UserInfo is var own && own.Length > 0 && own != first))
        {
            return "has credentials that the client would not use: it takes those of the first address for all. Write them there.";
        }

        return first.Length > 0 && first.Contains(':') && (first[0] == ':' || first[^1] == ':')
            ? "has a user without a password, or a password without a user. Write user:password@host, or token@host."
            : null;
    }

    private static IEnumerable<string> Split(string urls) => urls.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static Uri? Parse(string url) =>
        Uri.TryCreate(url.Contains("://", StringComparison.Ordinal) ? url : "nats://" + url, UriKind.Absolute, out var uri)
        && uri.Scheme is "nats" or "tls" or "ws" or "wss"
        && uri.Port != 0
        && Uri.CheckHostName(uri.Host) != UriHostNameType.Unknown

        // A slash in a password would make the rest of it a path, and its beginning a host that stands in logs.
        && (uri.Scheme is "ws" or "wss" ? !uri.PathAndQuery.Contains('@') : uri.PathAndQuery is "" or "/")
        && uri.Fragment.Length == 0
            ? uri
            : null;
}
