namespace DistributedSockets.ClusterTests;

/// <summary>The classes that share <see cref="AbusedNodes"/>.</summary>
[CollectionDefinition(Name)]
public sealed class AbusedNodesGroup : ICollectionFixture<AbusedNodes>
{
    public const string Name = "abused nodes";
}
