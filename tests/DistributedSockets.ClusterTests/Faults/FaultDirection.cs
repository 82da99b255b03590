namespace DistributedSockets.ClusterTests;

/// <summary>Which way bytes go through a proxy.</summary>
internal enum FaultDirection
{
    ToServer,
    ToClient,
}
