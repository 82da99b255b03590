namespace DistributedSockets.ClusterTests;

[Collection(SharedGroup.Name)]
public sealed class SendTargetTests(SharedCluster cluster) : SendTargetSuite(cluster);
