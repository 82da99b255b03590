namespace DistributedSockets.ClusterTests;

[Collection(AloneGroup.Name)]
public sealed class WorkerTests(SharedCluster cluster) : WorkerSuite(cluster);
