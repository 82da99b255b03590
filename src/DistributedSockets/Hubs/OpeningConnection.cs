namespace DistributedSockets;

/// <summary>A connection whose handshake has not been answered, so that the hub does not know it yet; guarded by the hub.</summary>
/// <param name="userId">The user, if known.</param>
internal sealed class OpeningConnection(string? userId)
{
    /// <summary>The user, if known. A connection filter may change it.</summary>
    internal string? UserId { get; set; } = userId;

    /// <summary>Why it is to be closed as soon as it is open, if the user was disconnected meanwhile.</summary>
    internal DisconnectReason? Disconnected { get; set; }
}
