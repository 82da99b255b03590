namespace DistributedSockets.ClusterTests;

/// <summary>The classes that use the nodes of <see cref="SharedCluster"/>, one after the other: what is sent to all reaches every client there.</summary>
[CollectionDefinition(Name)]
public sealed class SharedGroup
{
    public const string Name = "shared";
}
