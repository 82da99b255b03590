namespace DistributedSockets.ClusterTests;

[Collection(SharedGroup.Name)]
public sealed class WorkerTests(SharedCluster cluster) : WorkerSuite(cluster);
