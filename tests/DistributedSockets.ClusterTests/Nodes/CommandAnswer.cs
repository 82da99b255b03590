namespace DistributedSockets.ClusterTests;

internal sealed record CommandAnswer(bool Ok, string? Error, string? Message);
