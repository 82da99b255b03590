namespace DistributedSockets.ClusterTests;

internal sealed record SessionAnswer(string Hub, string ConnectionId, string NodeId, string? UserId, string[] Groups);
