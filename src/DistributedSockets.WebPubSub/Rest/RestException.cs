namespace DistributedSockets.WebPubSub;

/// <summary>A request of the REST interface cannot be answered as it wants to be: what the caller is told.</summary>
internal sealed class RestException(int status, string code, string message, string? target = null) : Exception(message)
{
    internal int Status => status;

    internal string Code => code;

    /// <summary>The parameter that is wrong, if it is one.</summary>
    internal string? Target => target;

    internal static RestException BadRequest(string message, string? target = null) => new(400, "BadRequest", message, target);

    internal static RestException Unauthorized() =>
        new(401, "Unauthorized", "The request needs a bearer token that an access key has signed (HS256), that has not expired, and whose audience is the URL of the request.");

    internal static RestException NotFound(string message, string? target = null) => new(404, "NotFound", message, target);

    internal static RestException UnsupportedMediaType() =>
        new(415, "UnsupportedMediaType", "The content type is none of application/json, text/plain and application/octet-stream, or its charset is not UTF-8.");

    internal static RestException Unavailable() =>
        new(503, "ServiceUnavailable", "A part of the cluster cannot be reached at the moment. What was asked for may have been done or not; try again.");
}
