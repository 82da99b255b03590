using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over JetStream on three servers, of which the one that leads the log's stream is killed.</summary>
public sealed class NatsClusterResumeFaultTests : ResumeFaultSuite
{
    private NatsCluster? _cluster;

    protected override int Seed => 312;

    protected override IReadOnlyDictionary<string, string> NodeOptions { get; } = new Dictionary<string, string>
    {
        ["Nats__LogReplicas"] = "3",
        ["Nats__Replicas"] = "3",
    };

    private NatsCluster Cluster => _cluster!; // started before the test

    protected override async Task StartServersAsync() => _cluster = await NatsCluster.StartAsync(3, hasJetStream: true);

    protected override IReadOnlyList<string> NodeArguments() => ["--nats", string.Join(',', Cluster.Servers.Select(static server => server.EndPoint))];

    private protected override async Task KillServerAsync(HistoryLoad load)
    {
        var leader = await Cluster.LeaderAsync($"{Prefix}_log-{Hub}-");
        await leader.KillAsync();
        await load.UntilFlowingAsync();
        await leader.StartAsync();
        await Cluster.WaitUntilCompleteAsync();
    }

    protected override async ValueTask DisposeServersAsync()
    {
        if (_cluster is not null)
        {
            await _cluster.DisposeAsync();
        }
    }
}
