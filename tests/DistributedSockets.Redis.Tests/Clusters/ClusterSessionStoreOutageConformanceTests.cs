using DistributedSockets.Testing;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>The cluster is cut off, and comes back with all that it had.</summary>
public abstract class ClusterSessionStoreOutageConformanceTests(LinkedCluster cluster, string options) : SessionStoreOutageConformanceTests
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

    protected override ISessionStore CreateStore(string prefix) => RedisFactory.SessionStore(cluster.ConnectionString + options, prefix);

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

public sealed class ClusterResp3SessionStoreOutageTests(LinkedCluster cluster)
    : ClusterSessionStoreOutageConformanceTests(cluster, ",protocol=resp3,connectTimeout=1000"), IClassFixture<LinkedCluster>;

public sealed class ClusterResp2SessionStoreOutageTests(LinkedCluster cluster)
    : ClusterSessionStoreOutageConformanceTests(cluster, ",protocol=resp2,connectTimeout=1000"), IClassFixture<LinkedCluster>;
