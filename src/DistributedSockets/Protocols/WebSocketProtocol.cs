using System.Buffers;

namespace DistributedSockets;

/// <summary>
/// A subprotocol (RFC 6455 section 1.9) that clients of a hub speak: how what is sent to them looks on the wire. Clients of several protocols, and of none, are in the same
/// hub and the same groups; each gets the messages in its own form.
/// </summary>
/// <remarks>
/// What a client gets of a message is a head of its own and a body, the same bytes for all clients of an <see cref="BodyEncoding"/>. So a message to many is encoded once for each
/// encoding on each node, whatever the heads. Add an instance to <see cref="HubOptions.Protocols"/>. Members are called by many threads at once, while frames are
/// written: they do not wait, and throw nothing.
/// </remarks>
public abstract class WebSocketProtocol
{
    /// <summary>The most bytes that <see cref="WriteHead"/> may write.</summary>
    public const int MaxHeadBytes = 64;

    /// <param name="name">The subprotocol, as it stands in <c>Sec-WebSocket-Protocol</c>.</param>
    /// <exception cref="ArgumentException">The name is no token (RFC 9110 section 5.6.2).</exception>
    protected WebSocketProtocol(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        Name = SubProtocolName.IsToken(name)
            ? name
            : throw new ArgumentException($"'{name}' is no name of a subprotocol: it is a token of RFC 9110 section 5.6.2, so letters, digits and !#$%&'*+-.^_`|~.", nameof(name));
    }

    /// <summary>The subprotocol.</summary>
    public string Name { get; }

    /// <summary>What its bodies have in common with those of other protocols: those whose <see cref="BodyEncoding"/> is the same object share bodies.</summary>
    public virtual object BodyEncoding => this;

    /// <summary>Whether a message is sent as it is, without a body of the protocol's.</summary>
    /// <value><see langword="false"/>, unless overridden: <see cref="WriteBody"/> is called.</value>
    public virtual bool KeepsPayload => false;

    /// <summary>Whether what it writes goes out as binary messages.</summary>
    /// <value><see langword="false"/>, unless overridden: as text messages, whose bytes are UTF-8.</value>
    public virtual bool IsBinary => false;

    /// <summary>Writes what all clients of the <see cref="BodyEncoding"/> get of a message, behind their heads. Called once for a message on a node.</summary>
    /// <param name="message">The message.</param>
    /// <param name="output">Takes the bytes.</param>
    public abstract void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output);

    /// <summary>Writes what one client gets in front of a message.</summary>
    /// <param name="destination">Takes at most <see cref="MaxHeadBytes"/>.</param>
    /// <param name="number">The number of a message to a session, from 1 on and without a hole; 0 for one that is not logged, or goes to a connection without a session.</param>
    /// <param name="bodyBytes">The length of the body.</param>
    /// <returns>How many bytes were written.</returns>
    public abstract int WriteHead(Span<byte> destination, long number, int bodyBytes);

    /// <summary>The first message that a client gets, if the protocol has one. Sent as it is.</summary>
    /// <param name="connection">The connection, which is not open yet.</param>
    /// <param name="token">With which the client can resume its session; <see langword="null"/> without a session.</param>
    /// <param name="number">The number of the last message that the session was sent; 0 without one.</param>
    public virtual WebSocketMessage? Begin(WebSocketConnection connection, string? token, long number) => null;

    /// <summary>The last message that a client gets before its connection is closed from this side, if the protocol has one. Sent as it is.</summary>
    /// <param name="reason">Why the connection ends.</param>
    public virtual WebSocketMessage? End(DisconnectReason reason) => null;
}
