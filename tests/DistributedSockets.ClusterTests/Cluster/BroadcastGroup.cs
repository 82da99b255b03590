namespace DistributedSockets.ClusterTests;

/// <summary>The classes that share <see cref="BroadcastCluster"/>.</summary>
[CollectionDefinition(Name)]
public sealed class BroadcastGroup : ICollectionFixture<BroadcastCluster>
{
    public const string Name = "broadcast";
}
