namespace DistributedSockets.ClusterTests;

internal sealed record EventAnswer(
    string Event, string? ConnectionId, string? NodeId, string? UserId, string? Cause, DateTimeOffset At, DateTimeOffset? From, DateTimeOffset? To, string? Description);
