namespace DistributedSockets;

/// <summary>A session ended.</summary>
/// <param name="Session">The session as it last was.</param>
/// <param name="Cause">Whether its connection ended or its node was lost.</param>
public sealed record SessionEnded(Session Session, SessionEndCause Cause);
