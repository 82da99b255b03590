namespace DistributedSockets.ClusterTests;

[Collection(BroadcastGroup.Name)]
public sealed class BroadcastSendTargetTests(BroadcastCluster cluster) : SendTargetSuite(cluster);
