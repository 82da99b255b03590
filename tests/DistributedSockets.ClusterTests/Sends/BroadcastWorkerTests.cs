namespace DistributedSockets.ClusterTests;

[Collection(BroadcastGroup.Name)]
public sealed class BroadcastWorkerTests(BroadcastCluster cluster) : WorkerSuite(cluster);
