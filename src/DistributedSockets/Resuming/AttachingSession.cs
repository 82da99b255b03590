namespace DistributedSockets;

/// <summary>A session that a connection is about to get.</summary>
/// <param name="Session">The session.</param>
/// <param name="Token">With which it is resumed next.</param>
/// <param name="Received">Up to which number the client has everything.</param>
/// <param name="IsNew">Whether it begins with this connection.</param>
internal readonly record struct AttachingSession(ResumableSession Session, string Token, long Received, bool IsNew)
{
    /// <summary>Which node had it until now; null if it is new.</summary>
    internal string? TakenFrom { get; init; }
}
