namespace DistributedSockets.ClusterTests;

/// <summary>The classes whose tests run while no others do: they measure, or count what happens on <see cref="SharedCluster"/>.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneGroup
{
    public const string Name = "alone";
}
