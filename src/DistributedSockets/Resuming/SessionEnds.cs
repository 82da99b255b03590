using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Why the connection of a session is closed by what the session needs.</summary>
internal static class SessionEnds
{
    /// <summary>Another connection goes on with the session, here or at another node.</summary>
    internal static readonly DisconnectReason TakenOver = new()
    {
        Kind = DisconnectKind.ClosedByServer,
        CloseStatus = WebSocketCloseStatus.PolicyViolation,
        Description = "The session goes on with another connection.",
    };

    /// <summary>Another connection was to go on with the session, and then did not.</summary>
    internal static readonly DisconnectReason NotTakenOver = Gone("The session was to go on with another connection, which did not come. Connect again.");

    /// <summary>The node was cut off for so long that another one may have the session.</summary>
    internal static readonly DisconnectReason LeaseMissed = Gone("The server was cut off for a while, so that the session may go on at another one. Connect again.");

    /// <summary>Messages are missing, and the client's subprotocol has no word for that.</summary>
    internal static readonly DisconnectReason Missing = Violation("Messages for the client are not there any more, so the session cannot go on. Connect again.");

    /// <summary>The client takes messages and acknowledges none, so the session would hold on to them for ever.</summary>
    internal static DisconnectReason Silent(TimeSpan timeout) => new()
    {
        Kind = DisconnectKind.SlowConsumer,
        CloseStatus = WebSocketCloseStatus.PolicyViolation,
        Description = $"The client has acknowledged nothing for {timeout}.",
    };

    internal static DisconnectReason Gone(string description) => new()
    {
        Kind = DisconnectKind.ClosedByServer, CloseStatus = CloseCodes.TryAgainLater, Description = description,
    };

    internal static DisconnectReason Violation(string description) => new()
    {
        Kind = DisconnectKind.ProtocolError, CloseStatus = WebSocketCloseStatus.PolicyViolation, Description = description,
    };
}
