namespace DistributedSockets.ClusterTests;

[Collection(SharedGroup.Name)]
public sealed class GroupTests(SharedCluster cluster) : GroupSuite(cluster);
