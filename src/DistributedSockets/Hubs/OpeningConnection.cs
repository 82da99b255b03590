namespace DistributedSockets;

/// <summary>A connection of a user whose handshake has not been answered, so that the hub does not know it yet.</summary>
/// <param name="userId">The user.</param>
internal sealed class OpeningConnection(string userId)
{
    internal string UserId => userId;

    /// <summary>Why it is to be closed as soon as it is open, if the user was disconnected meanwhile; guarded by the hub.</summary>
    internal DisconnectReason? Disconnected { get; set; }
}
