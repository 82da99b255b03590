using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Clusters;

public abstract class ClusterBackplaneOutageConformanceTests(LinkedCluster cluster, string options, bool sharded) : BackplaneOutageConformanceTests
{
    private bool _isCut;

    public override ValueTask InitializeAsync()
    {
        cluster.Cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    public override async ValueTask DisposeAsync()
    {
        if (_isCut)
        {
            await RestoreAsync(); // for the next test
        }

        await base.DisposeAsync();
    }

    protected override IBackplane CreateBackplane(string prefix) => sharded
        ? RedisFactory.ShardedBackplane(cluster.ConnectionString + options, prefix: prefix)
        : RedisFactory.Backplane(cluster.ConnectionString + options, prefix: prefix);

    protected override Task CutAsync()
    {
        _isCut = true;
        return cluster.CutAsync();
    }

    protected override Task RestoreAsync()
    {
        _isCut = false;
        cluster.Restore();
        return Task.CompletedTask;
    }
}

public sealed class ShardedResp3BackplaneOutageTests(LinkedCluster cluster)
    : ClusterBackplaneOutageConformanceTests(cluster, ",protocol=resp3,connectTimeout=1000", sharded: true), IClassFixture<LinkedCluster>;

public sealed class ShardedResp2BackplaneOutageTests(LinkedCluster cluster)
    : ClusterBackplaneOutageConformanceTests(cluster, ",protocol=resp2,connectTimeout=1000", sharded: true), IClassFixture<LinkedCluster>;

public sealed class UnshardedResp3BackplaneOutageTests(LinkedCluster cluster)
    : ClusterBackplaneOutageConformanceTests(cluster, ",protocol=resp3,connectTimeout=1000", sharded: false), IClassFixture<LinkedCluster>;
