namespace DistributedSockets.ClusterTests;

[Collection(AloneGroup.Name)]
public sealed class GroupTests(SharedCluster cluster) : GroupSuite(cluster);
