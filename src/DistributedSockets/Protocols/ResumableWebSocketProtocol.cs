namespace DistributedSockets;

/// <summary>A subprotocol whose clients have sessions that outlive their connection and its node. Needs <see cref="HubOptions.EnableResume"/>.</summary>
public abstract class ResumableWebSocketProtocol : WebSocketProtocol
{
    /// <param name="name">The subprotocol, as it stands in <c>Sec-WebSocket-Protocol</c>.</param>
    /// <exception cref="ArgumentException">The name is no token (RFC 9110 section 5.6.2).</exception>
    protected ResumableWebSocketProtocol(string name)
        : base(name)
    {
    }

    /// <summary>Whether the token of a session is enough to resume it: the connection has the session's user, whoever asks.</summary>
    /// <value><see langword="false"/>, unless overridden: the handshake has to be of the session's user.</value>
    public virtual bool IsTokenEnough => false;

    /// <summary>Whether a client whose session cannot be resumed gets a new one.</summary>
    /// <value><see langword="true"/>, unless overridden. With <see langword="false"/> its handshake is accepted and the connection closed with 1008.</value>
    public virtual bool BeginsAnew => true;

    /// <summary>Whether a client that breaks the WebSocket protocol, or sends a message that is too long, loses its session.</summary>
    /// <value><see langword="false"/>, unless overridden: it loses its connection alone.</value>
    public virtual bool EndsOnViolation => false;

    /// <summary>Reads which session a client wants to go on with.</summary>
    /// <param name="context">The handshake, after its filters.</param>
    /// <returns><see langword="null"/> if it wants a new one.</returns>
    public abstract SessionResumption? ReadResumption(ConnectingContext context);

    /// <summary>Reads what a message of a client is.</summary>
    /// <param name="message">The message.</param>
    public abstract ProtocolLine Read(ReadOnlySpan<byte> message);

    /// <summary>Says that messages are missing before the next numbered one. Sent as it is.</summary>
    /// <returns><see langword="null"/> if the protocol has no word for it: the connection is closed with 1008 then, and the session ends.</returns>
    public virtual WebSocketMessage? Gap() => null;

    /// <summary>Asks the client to connect again, to whichever node answers, as this one stops. Sent as it is.</summary>
    /// <returns><see langword="null"/> if the protocol has no word for it: the connection is closed with 1001 then, and the session stays.</returns>
    public virtual WebSocketMessage? Return() => null;

    /// <summary>Says that a message with an id was handled. Sent as it is.</summary>
    /// <param name="id">The id.</param>
    /// <param name="isRepeat">Whether that was when it came before.</param>
    /// <returns><see langword="null"/> if the handler has said so itself.</returns>
    public virtual WebSocketMessage? Handled(string id, bool isRepeat) => null;
}
