namespace DistributedSockets;

/// <summary>What an entry of the log says of the groups of sessions that can be resumed. It takes effect at its offset.</summary>
/// <param name="Kind">Whether the subject is a session or a user, all of whose sessions are meant.</param>
/// <param name="Subject">The session or user.</param>
/// <param name="Group">The group; null to leave all.</param>
/// <param name="IsJoin">Whether they join it.</param>
/// <param name="MaxGroups">In how many groups a session may be that joins: one that is in as many stays out. It stands in the entry, so that all nodes decide alike.</param>
/// <param name="RequestId">Who waits for it at the node that has appended it; empty for nobody.</param>
internal readonly record struct SessionGroupChange(WebSocketTargetKind Kind, string Subject, string? Group, bool IsJoin, int MaxGroups = 0, Guid RequestId = default)
{
    /// <summary>Whether a session is meant.</summary>
    internal bool Means(string sessionId, string? userId) => string.Equals(Subject, Kind == WebSocketTargetKind.Users ? userId : sessionId, StringComparison.Ordinal);
}
