namespace DistributedSockets.ClusterTests;

/// <summary>The classes whose tests run while no others of this project do: they measure time.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public sealed class AloneGroup
{
    public const string Name = "alone";
}
