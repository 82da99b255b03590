using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>Whether the audience of a token is an address of this app: scheme and host of the request, or one of the public origins, and a path.</summary>
internal static class Audience
{
    /// <param name="audience">The audience, an absolute URL.</param>
    /// <param name="request">The request.</param>
    /// <param name="options">The public origins, if there are any.</param>
    /// <param name="pathAndQuery">What stands behind the origin, as it is written, with its slash in front.</param>
    internal static bool TrySplit(string audience, HttpRequest request, WebPubSubOptions options, out ReadOnlySpan<char> pathAndQuery)
    {
        pathAndQuery = default;
        var scheme = audience.IndexOf("://", StringComparison.Ordinal);
        if (scheme < 0)
        {
            return false;
        }

        var slash = audience.AsSpan(scheme + 3).IndexOf('/');
        var end = slash < 0 ? audience.Length : scheme + 3 + slash;
        if (!Uri.TryCreate(audience[..end], UriKind.Absolute, out var origin) || origin.UserInfo.Length > 0 || origin.PathAndQuery != "/")
        {
            return false;
        }

        pathAndQuery = slash < 0 ? "/" : audience.AsSpan(end);
        if (options.PublicOrigins.Count == 0)
        {
            return request.Host.HasValue && Uri.TryCreate($"{request.Scheme}://{request.Host.Value}", UriKind.Absolute, out var own) && IsSame(origin, own);
        }

        foreach (var known in options.PublicOrigins)
        {
            if (Uri.TryCreate(known, UriKind.Absolute, out var uri) && IsSame(origin, uri))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Whether a token is for the clients of a hub.</summary>
    internal static bool IsOfClient(IReadOnlyList<string> audiences, string hub, HttpRequest request, WebPubSubOptions options)
    {
        foreach (var audience in audiences)
        {
            if (TrySplit(audience, request, options, out var path) && IsOfHub(path, hub))
            {
                return true;
            }
        }

        return false;
    }

    private static bool IsOfHub(ReadOnlySpan<char> path, string hub)
    {
        const string prefix = "/client/hubs/";
        const string older = "/client/?hub=";
        var start = path.StartsWith(prefix, StringComparison.Ordinal) ? prefix.Length : path.StartsWith(older, StringComparison.Ordinal) ? older.Length : -1;
        return start >= 0 && path[start..].TrimEnd('/').Equals(hub, StringComparison.OrdinalIgnoreCase);
    }

    private static bool IsSame(Uri one, Uri other) =>
        one.Scheme == other.Scheme && one.Port == other.Port && one.IdnHost.Equals(other.IdnHost, StringComparison.OrdinalIgnoreCase);
}
