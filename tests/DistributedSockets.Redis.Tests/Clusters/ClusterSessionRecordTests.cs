using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

public sealed class ClusterSessionRecordTests(RedisCluster cluster) : SessionRecordStoreConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string prefix) => RedisFactory.MessageLog(cluster.ConnectionString, prefix);
}
