namespace DistributedSockets.ClusterTests;

[Collection(AloneGroup.Name)]
public sealed class SendTargetTests(SharedCluster cluster) : SendTargetSuite(cluster);
