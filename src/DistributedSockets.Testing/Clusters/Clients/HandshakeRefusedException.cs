namespace DistributedSockets.Testing;

/// <summary>The server answered a handshake with something else than a WebSocket.</summary>
public sealed class HandshakeRefusedException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="statusCode">The status of the response.</param>
    /// <param name="body">The body of the response.</param>
    public HandshakeRefusedException(int statusCode, string body)
        : base($"The server refused the WebSocket with {statusCode}: {body.Trim()}") => (StatusCode, Body) = (statusCode, body);

    /// <summary>The status of the response, such as 401 or 503.</summary>
    public int StatusCode { get; }

    /// <summary>The body of the response.</summary>
    public string Body { get; }
}
