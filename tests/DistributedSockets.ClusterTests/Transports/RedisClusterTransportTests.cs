using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over the sharded pub/sub of a Redis Cluster.</summary>
public sealed class RedisClusterTransportTests : TransportTests
{
    private readonly RedisCluster _cluster = new();

    protected override async Task StartServersAsync()
    {
        _cluster.SkipUnlessAvailable();
        await _cluster.InitializeAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--redis-cluster", _cluster.ConnectionString];

    protected override Task CutAsync() => _cluster.KillAsync();

    protected override Task RestoreAsync() => _cluster.RestartAsync();

    protected override ValueTask DisposeServersAsync() => _cluster.DisposeAsync();
}
