namespace DistributedSockets.TestNode;

/// <summary>One event that the library reported to this node.</summary>
internal sealed record ClusterEvent(
    string Event,
    DateTimeOffset At,
    string? ConnectionId = null,
    string? NodeId = null,
    string? UserId = null,
    string? Cause = null,
    DateTimeOffset? From = null,
    DateTimeOffset? To = null,
    string? Description = null);
