using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>What an entry of the log says of sessions that the app ends, wherever they are and whether their clients are connected. It takes effect at its offset.</summary>
/// <param name="Kind">Whether all sessions of the hub are meant, or those of a user or in a group.</param>
/// <param name="Subject">The user or group; empty for all.</param>
/// <param name="CloseStatus">The close code for those whose clients are connected.</param>
/// <param name="Description">The reason that they are told, or empty.</param>
internal readonly record struct SessionEnding(WebSocketTargetKind Kind, string Subject, ushort CloseStatus, string Description)
{
    /// <summary>Why connections end.</summary>
    internal DisconnectReason Reason => new()
    {
        Kind = DisconnectKind.ClosedByServer,
        CloseStatus = (WebSocketCloseStatus)CloseStatus,
        Description = Description.Length == 0 ? null : Description,
    };

    /// <summary>Under which target it stands in the log.</summary>
    internal LogTarget Target => Kind switch
    {
        WebSocketTargetKind.Users => LogTarget.User(Subject),
        WebSocketTargetKind.Groups => LogTarget.Group(Subject),
        _ => LogTarget.All,
    };

    /// <summary>Whether a session is meant, whose groups at the offset are known.</summary>
    internal bool Means(ResumableSession session, long offset) => Kind switch
    {
        WebSocketTargetKind.Users => string.Equals(session.UserId, Subject, StringComparison.Ordinal),
        WebSocketTargetKind.Groups => session.IsIn(Subject, offset),
        _ => true,
    };
}
