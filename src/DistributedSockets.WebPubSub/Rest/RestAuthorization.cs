using Microsoft.AspNetCore.Http;

namespace DistributedSockets.WebPubSub;

/// <summary>Lets in who has a token for just this request: its audience is the URL, with its query or without one.</summary>
internal static class RestAuthorization
{
    private const string Scheme = "Bearer ";

    /// <summary>Checks the token of a request.</summary>
    /// <returns>The origin that the token names, by which the caller knows this app.</returns>
    /// <exception cref="RestException">There is none, or it is not valid for this request.</exception>
    internal static async ValueTask<string> AuthorizeAsync(HttpContext context, RawTarget target, AccessTokenReader tokens, WebPubSubOptions options)
    {
        if (context.Request.Headers.Authorization is [{ } header] && header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && await tokens.ReadAsync(header[Scheme.Length..].Trim()) is { } token)
        {
            foreach (var audience in token.Audiences)
            {
                if (Audience.TrySplit(audience, context.Request, options, out var pathAndQuery) && IsFor(target, pathAndQuery))
                {
                    return audience[..^pathAndQuery.Length];
                }
            }
        }

        throw RestException.Unauthorized();
    }

    private static bool IsFor(RawTarget target, ReadOnlySpan<char> pathAndQuery)
    {
        if (!pathAndQuery.StartsWith(target.Path.AsSpan().TrimEnd('/'), StringComparison.Ordinal))
        {
            return false;
        }

        var query = pathAndQuery.IndexOf('?');
        var path = query < 0 ? pathAndQuery : pathAndQuery[..query];
        return path.TrimEnd('/').SequenceEqual(target.Path.AsSpan().TrimEnd('/')) && (query < 0 || pathAndQuery[query..].SequenceEqual(target.Query));
    }
}
