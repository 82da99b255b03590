namespace DistributedSockets.ClusterTests;

[Collection(SharedGroup.Name)]
public sealed class LoadTests(SharedCluster cluster) : LoadSuite(cluster);
