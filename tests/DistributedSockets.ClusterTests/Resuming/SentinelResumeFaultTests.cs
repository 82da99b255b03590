using DistributedSockets.TestServers;

namespace DistributedSockets.ClusterTests;

/// <summary>Over a Redis behind sentinels, which is killed; they make its replica the primary, and that lacks the last entries.</summary>
public sealed class SentinelResumeFaultTests : ResumeFaultSuite
{
    private SentinelGroup? _redis;

    protected override int Seed => 314;

    protected override bool LosesEntries => true;

    private SentinelGroup Redis => _redis!; // started before the test

    protected override async Task StartServersAsync()
    {
        new RedisServer().SkipUnlessAvailable();
        _redis = await SentinelGroup.StartAsync();
    }

    protected override IReadOnlyList<string> NodeArguments() => ["--redis", Redis.ConnectionString];

    private protected override async Task KillServerAsync(HistoryLoad load)
    {
        var primary = await Redis.PrimaryAsync();
        await RedisReplicas.KillWithoutLastEntriesAsync(primary, Redis.Servers.Single(server => server != primary), load);
        await Guard.UntilAsync(async () => await Redis.PrimaryAsync() != primary, "another primary is elected");
        await load.UntilFlowingAsync();

        // It comes as a primary of its own, until the sentinels tell it otherwise.
        await primary.StartAsync();
    }

    protected override async ValueTask DisposeServersAsync()
    {
        if (_redis is not null)
        {
            await _redis.DisposeAsync();
        }
    }
}
