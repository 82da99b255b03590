using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

public sealed class ClusterPresenceStoreTests(RedisCluster cluster) : PresenceStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override ISessionStore CreateStore(string prefix) => RedisFactory.SessionStore(cluster.ConnectionString, prefix);
}
