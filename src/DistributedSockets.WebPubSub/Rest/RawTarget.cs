using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistributedSockets.WebPubSub;

/// <summary>The target of a request as it came: what a token names as its audience, and names in which a slash is escaped.</summary>
internal readonly struct RawTarget
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private RawTarget(string path, string query) => (Path, Query) = (path, query);

    /// <summary>The path, with its escapes.</summary>
    internal string Path { get; }

    /// <summary>The query with its question mark; empty if there is none.</summary>
    internal string Query { get; }

    internal static RawTarget Of(HttpContext context)
    {
        var target = context.Features.Get<IHttpRequestFeature>()?.RawTarget;
        if (string.IsNullOrEmpty(target))
        {
            var request = context.Request; // a server that does not tell
            return new((request.PathBase + request.Path).ToUriComponent(), request.QueryString.Value ?? "");
        }

        if (target[0] != '/' && target.IndexOf("://", StringComparison.Ordinal) is > 0 and var scheme) // as a proxy is asked
        {
            var slash = target.IndexOf('/', scheme + 3);
            target = slash < 0 ? "/" : target[slash..];
        }

        var query = target.IndexOf('?', StringComparison.Ordinal);
        return query < 0 ? new(target, "") : new(target[..query], target[query..]);
    }

    /// <summary>The segments of the path behind a prefix, such as <c>/api</c>, without their escapes.</summary>
    /// <exception cref="RestException">The path does not begin so, or has an escape that is none.</exception>
    internal string[] SegmentsBehind(string prefix)
    {
        if (!Path.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) || Path.AsSpan(prefix.Length) is not ['/', .. var rest])
        {
            throw RestException.NotFound("There is no such resource.");
        }

        var segments = rest.ToString().Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            segments[i] = Unescape(segments[i]);
        }

        return segments;
    }

    private static string Unescape(string segment)
    {
        if (!segment.Contains('%', StringComparison.Ordinal))
        {
            return segment;
        }

        var bytes = new byte[Encoding.UTF8.GetMaxByteCount(segment.Length)];
        var length = 0;
        for (var i = 0; i < segment.Length; i++)
        {
            if (segment[i] != '%')
            {
                length += Encoding.UTF8.GetBytes(segment.AsSpan(i, 1), bytes.AsSpan(length));
                continue;
            }

            if (i + 2 >= segment.Length || !char.IsAsciiHexDigit(segment[i + 1]) || !char.IsAsciiHexDigit(segment[i + 2]))
            {
                throw RestException.BadRequest("The path has an escape that is none. Write a percent sign in a name as %25.");
            }

            bytes[length++] = Convert.FromHexString(segment.AsSpan(i + 1, 2))[0];
            i += 2;
        }

        try
        {
            return s_strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            throw RestException.BadRequest("The path has escapes that are no UTF-8.");
        }
    }
}
