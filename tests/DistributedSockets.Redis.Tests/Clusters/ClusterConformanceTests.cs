using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

public abstract class ClusterBackplaneConformanceTests(RedisCluster cluster, string options, bool sharded) : BackplaneConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IBackplane CreateBackplane(string prefix) => sharded
        ? RedisFactory.ShardedBackplane(cluster.ConnectionString + options, prefix: prefix)
        : RedisFactory.Backplane(cluster.ConnectionString + options, prefix: prefix);
}

public sealed class ShardedResp3BackplaneTests(RedisCluster cluster) : ClusterBackplaneConformanceTests(cluster, ",protocol=resp3", sharded: true);

public sealed class ShardedResp2BackplaneTests(RedisCluster cluster) : ClusterBackplaneConformanceTests(cluster, ",protocol=resp2", sharded: true);

public sealed class UnshardedResp3BackplaneTests(RedisCluster cluster) : ClusterBackplaneConformanceTests(cluster, ",protocol=resp3", sharded: false);

public sealed class UnshardedResp2BackplaneTests(RedisCluster cluster) : ClusterBackplaneConformanceTests(cluster, ",protocol=resp2", sharded: false);

public abstract class ClusterSessionStoreConformanceTests(RedisCluster cluster, string options) : SessionStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string prefix) => RedisFactory.SessionStore(cluster.ConnectionString + options, prefix);
}

public sealed class ClusterResp3SessionStoreTests(RedisCluster cluster) : ClusterSessionStoreConformanceTests(cluster, ",protocol=resp3");

public sealed class ClusterResp2SessionStoreTests(RedisCluster cluster) : ClusterSessionStoreConformanceTests(cluster, ",protocol=resp2");
