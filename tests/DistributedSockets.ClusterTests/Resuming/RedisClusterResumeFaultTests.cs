using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over a Redis Cluster, of which the primary with the log is killed; its replica takes over, and lacks the last entries.</summary>
public sealed class RedisClusterResumeFaultTests : ResumeFaultSuite
{
    private readonly RedisCluster _cluster = new();

    protected override int Seed => 313;

    protected override bool LosesEntries => true;

    protected override async Task StartServersAsync()
    {
        _cluster.SkipUnlessAvailable();
        await _cluster.InitializeAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--redis-cluster", _cluster.ConnectionString];

    private protected override async Task KillServerAsync(HistoryLoad load)
    {
        var slot = await _cluster.SlotOfAsync($"{{{Prefix}:log:{Hub}}}");
        var primary = await _cluster.OwnerAsync(slot);
        var replica = await _cluster.ReplicaOfAsync(primary);
        await RedisReplicas.KillWithoutLastEntriesAsync(primary, replica, load);
        await _cluster.UntilOwnerAsync(replica, slot);
    }

    protected override ValueTask DisposeServersAsync() => _cluster.DisposeAsync();
}
