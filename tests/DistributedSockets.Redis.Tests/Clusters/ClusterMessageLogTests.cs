using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

public abstract class ClusterMessageLogConformanceTests(RedisCluster cluster, string options) : MessageLogConformanceTests
{
    public override ValueTask InitializeAsync()
    {
        cluster.SkipUnlessAvailable();
        return base.InitializeAsync();
    }

    protected override IMessageLog CreateLog(string prefix) => RedisFactory.MessageLog(cluster.ConnectionString + options, prefix);
}

public sealed class ClusterResp3MessageLogTests(RedisCluster cluster) : ClusterMessageLogConformanceTests(cluster, ",protocol=resp3");

public sealed class ClusterResp2MessageLogTests(RedisCluster cluster) : ClusterMessageLogConformanceTests(cluster, ",protocol=resp2");
