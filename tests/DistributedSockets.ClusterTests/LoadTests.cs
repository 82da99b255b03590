namespace DistributedSockets.ClusterTests;

[Collection(AloneGroup.Name)]
public sealed class LoadTests(SharedCluster cluster) : LoadSuite(cluster);
