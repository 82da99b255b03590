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

    internal static DisconnectReason Gone(string description) => new()
    {
        Kind = DisconnectKind.ClosedByServer, CloseStatus = CloseCodes.TryAgainLater, Description = description,
    };

    internal static DisconnectReason Violation(string description) => new()
    {
        Kind = DisconnectKind.ProtocolError, CloseStatus = WebSocketCloseStatus.PolicyViolation, Description = description,
    };
}
