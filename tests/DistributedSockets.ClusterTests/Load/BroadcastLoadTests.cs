namespace DistributedSockets.ClusterTests;

[Collection(BroadcastGroup.Name)]
public sealed class BroadcastLoadTests(BroadcastCluster cluster) : LoadSuite(cluster);
