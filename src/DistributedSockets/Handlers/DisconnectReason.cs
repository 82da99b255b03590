using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>How a connection ended.</summary>
/// <param name="Kind">Why it ended.</param>
/// <param name="CloseStatus">The close code that ended it, sent or received; <see langword="null"/> if there was none.</param>
/// <param name="Description">The reason text sent or received.</param>
/// <param name="Exception">What was thrown, if anything.</param>
public sealed record DisconnectReason(
    DisconnectKind Kind, WebSocketCloseStatus? CloseStatus = null, string? Description = null, Exception? Exception = null);
