namespace DistributedSockets.ClusterTests;

[Collection(BroadcastGroup.Name)]
public sealed class BroadcastGroupTests(BroadcastCluster cluster) : GroupSuite(cluster);
