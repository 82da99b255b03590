namespace DistributedSockets;

/// <summary>Which handshakes an endpoint takes, and how it answers them. Read once, when the endpoint is mapped.</summary>
/// <remarks>An endpoint begins with what its hub has, and <c>MapDistributedWebSocket</c> changes it for this endpoint alone.</remarks>
public class HandshakeOptions
{
    /// <summary>Gets the origins from which browsers may connect besides the request's own host; <c>*</c> allows any.</summary>
    /// <value>
    /// Empty by default. Each is <c>scheme://host[:port]</c> with any scheme, such as <c>https://app.example</c> or <c>capacitor://localhost</c>; case and
    /// a default port make no difference, and <c>wss</c> stands for <c>https</c>. What no client could send stops the start.
    /// </value>
    public IList<string> AllowedOrigins { get; } = [];

    /// <summary>Gets the subprotocols this node speaks, most wanted first; the first that the client offers is chosen.</summary>
    /// <value>Empty by default.</value>
    public IList<string> SubProtocols { get; } = [];
}
