namespace DistributedSockets.ClusterTests;

/// <summary>One connection of a load.</summary>
internal sealed record LoadClient(int Index, int Node, string User, string[] Groups);
