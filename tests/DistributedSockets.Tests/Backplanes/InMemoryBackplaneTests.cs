using System.Collections.Concurrent;
using DistributedSockets.Testing;

namespace DistributedSockets.Tests;

public sealed class InMemoryBackplaneTests : BackplaneConformanceTests
{
    private readonly ConcurrentDictionary<string, InMemoryCluster> _clusters = new();

    protected override IBackplane CreateBackplane(string cluster) =>
        new InMemoryBackplane(_clusters.GetOrAdd(cluster, static _ => new()));
}
