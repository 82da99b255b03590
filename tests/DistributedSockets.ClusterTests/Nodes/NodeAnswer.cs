namespace DistributedSockets.ClusterTests;

internal sealed record NodeAnswer(string NodeId, string Name);
