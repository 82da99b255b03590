using Xunit.Sdk;
using Xunit.v3;

namespace DistributedSockets.ClusterTests;

/// <summary>Starts the collections that take longest before the others, so that none of them runs on alone at the end.</summary>
public sealed class LongestFirst : ITestCollectionOrderer
{
    private static readonly string[] s_long =
    [
        nameof(NetworkFaultTests), nameof(SentinelTests), nameof(RedisFaultTests), nameof(NodeFaultTests), nameof(RedisClusterResumeFaultTests), nameof(NatsClusterResumeFaultTests), nameof(ConnectionStormTests), SharedGroup.Name,
        nameof(RedisPasswordTests), nameof(ChaosTests), nameof(RedisClusterTransportTests), nameof(BroadcastTransportTests), nameof(VanishedClientTests),
        nameof(RedisOutageTests),
    ];

    public IReadOnlyCollection<TTestCollection> OrderTestCollections<TTestCollection>(IReadOnlyCollection<TTestCollection> testCollections)
        where TTestCollection : notnull, ITestCollection =>
        [.. testCollections.OrderBy(static collection => Array.FindIndex(
            s_long, name => collection.TestCollectionDisplayName.Contains(name, StringComparison.Ordinal)) is >= 0 and var rank ? rank : s_long.Length)];
}
