namespace DistributedSockets;

/// <summary>Why a connection ended.</summary>
public enum DisconnectKind
{
    /// <summary>The client began the close handshake.</summary>
    ClosedByClient,

    /// <summary>This side began the close handshake, or aborted, at the app's request.</summary>
    ClosedByServer,

    /// <summary>The transport ended without a close handshake, or the client stopped answering pings.</summary>
    ConnectionLost,

    /// <summary>The client sent what RFC 6455 forbids.</summary>
    ProtocolError,

    /// <summary>The client sent a message over the limit; closed with 1009.</summary>
    MessageTooBig,

    /// <summary>The handler threw; closed with 1011, or with 1013 if it threw in <see cref="WebSocketHandler.OnConnectedAsync"/>.</summary>
    HandlerError,

    /// <summary>The client did not read fast enough; closed with 1008.</summary>
    SlowConsumer,

    /// <summary>The node is shutting down; closed with 1001.</summary>
    Drained,

    /// <summary>The client took too long over one message; closed with 1008.</summary>
    MessageTooSlow,

    /// <summary>The connection was open for as long as it may; closed with 1001.</summary>
    AgeReached,

    /// <summary>The authentication of the handshake ran out and was not renewed; closed with 1008.</summary>
    AuthenticationExpired,

    /// <summary>No message went in either direction for as long as allowed; closed with 1008.</summary>
    Idle,

    /// <summary>The client sent more messages or bytes per second than it may; closed with 1008.</summary>
    RateExceeded,
}
