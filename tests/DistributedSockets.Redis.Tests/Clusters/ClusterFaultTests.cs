using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Sharded pub/sub on a cluster that changes under load.</summary>
public abstract class ClusterFaultTests : IAsyncLifetime
{
    private readonly RedisCluster _cluster = new();
    private readonly string _protocol;
    private readonly string _prefix = $"fault-{Guid.NewGuid():N}";
    private readonly string[] _channels;

    protected ClusterFaultTests(string protocol)
    {
        _protocol = protocol;
        _channels = [.. Enumerable.Range(0, 12).Select(i => $"{_prefix}:v1:chat:user:{i}")];
    }

    public async ValueTask InitializeAsync()
    {
        _cluster.SkipUnlessAvailable();
        await _cluster.InitializeAsync();
    }

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return _cluster.DisposeAsync();
    }

    [Fact]
    public async Task PrimaryKilled_UnderLoad_OthersGoOn_AndItsChannelsFollowToItsReplica()
    {
        await using var load = await StartLoadAsync();
        var primary = await _cluster.OwnerAsync(RedisSlots.Of(_channels[0]));
        var replica = await _cluster.ReplicaOfAsync(primary);
        var owned = await OwnedAsync(primary);
        var others = _channels.Except(owned).ToArray();
        Assert.NotEmpty(others);
        var slot = RedisSlots.Of(_channels[0]);

        await primary.KillAsync();
        foreach (var listener in load.Listeners)
        {
            await listener.Received.WaitForReportAsync("partly unavailable");
        }

        await load.UntilFlowingAsync(others); // long before the cluster has chosen a successor
        await _cluster.UntilOwnerAsync(replica, slot);
        await load.UntilWholeAsync();
        await load.UntilFlowingAsync(_channels);
        Assert.True(load.Refused > 0);
        Assert.All(load.Listeners, static listener => Assert.DoesNotContain("unavailable", listener.Received.Reports));
        await AssertPlacedAsync();

        // It returns as a replica of its successor, and then that one dies.
        await primary.StartAsync();
        await _cluster.SettledAsync();
        await replica.KillAsync();
        await _cluster.UntilOwnerAsync(primary, slot);
        await load.UntilFlowingAsync(_channels);
        await load.UntilWholeAsync();
        await AssertPlacedAsync();
        await load.AssertInOrderAndNoLossHiddenAsync();
    }

    [Fact]
    public async Task PrimaryFrozen_UnderLoad_IsNoticedThoughItsConnectionsStand_AndItsChannelsFollowToItsReplica()
    {
        await using var load = await StartLoadAsync();
        var slot = RedisSlots.Of(_channels[0]);
        var primary = await _cluster.OwnerAsync(slot);
        var replica = await _cluster.ReplicaOfAsync(primary);
        var others = _channels.Except(await OwnedAsync(primary)).ToArray();

        await primary.PauseAsync();
        await load.UntilFlowingAsync(others);
        await Eventually.TrueAsync(() => replica.OwnsAsync(slot), "the replica has taken over");
        await load.UntilFlowingAsync(_channels);
        await load.UntilWholeAsync();
        Assert.True(load.Refused > 0);

        await primary.KillAsync();
        await primary.StartAsync();
        await _cluster.SettledAsync();
        await AssertPlacedAsync();
        await load.AssertInOrderAndNoLossHiddenAsync();
    }

    [Fact]
    public async Task PrimaryReplacedWhileItIsWell_UnderLoad_NobodyStaysWithTheOldOne()
    {
        await using var load = await StartLoadAsync();
        var slot = RedisSlots.Of(_channels[0]);
        var primary = await _cluster.OwnerAsync(slot);
        var replica = await _cluster.ReplicaOfAsync(primary);

        Assert.StartsWith("+OK", await replica.CommandAsync("CLUSTER", "FAILOVER"));
        await _cluster.UntilOwnerAsync(replica, slot);

        foreach (var listener in load.Listeners)
        {
            await Eventually.TrueAsync(() => listener.Received.Reports.Count > 0, "the loss that may be is reported");
        }

        await load.UntilFlowingAsync(_channels);
        await load.UntilWholeAsync();
        await AssertPlacedAsync();
        await load.AssertInOrderAndNoLossHiddenAsync();
    }

    [Fact]
    public async Task SlotMigrated_ThereAndBack_UnderLoad_ItsChannelsFollow()
    {
        await using var load = await StartLoadAsync();
        var slot = RedisSlots.Of(_channels[0]);
        var primary = await _cluster.OwnerAsync(slot);
        var target = _cluster.Nodes.Take(3).First(node => node != primary);
        var migrated = _channels.Where(channel => RedisSlots.Of(channel) == slot).ToArray();

        await _cluster.MigrateAsync(slot, target);
        await load.UntilFlowingAsync(migrated);
        foreach (var listener in load.Listeners)
        {
            await listener.Received.WaitForReportAsync("loss");
        }

        await AssertPlacedAsync();
        for (var round = 0; round < 3; round++)
        {
            await _cluster.MigrateAsync(slot, primary);
            await _cluster.MigrateAsync(slot, target);
        }

        await load.UntilFlowingAsync(_channels);
        await _cluster.MigrateAsync(slot, primary);
        await load.UntilFlowingAsync(_channels);
        await AssertPlacedAsync();
        await load.UntilWholeAsync();
        await load.AssertInOrderAndNoLossHiddenAsync();
    }

    [Fact]
    public async Task SlotOfAProbeMigrated_TheProbeFollowsNobody()
    {
        await using var node = await BackplaneNode.StartAsync(Create());
        var primary = _cluster.Nodes[0];
        var target = _cluster.Nodes[1];
        var probe = await ProbeAsync(primary);

        await _cluster.MigrateAsync(RedisSlots.Of(probe), target);

        await Eventually.TrueAsync(async () => await ProbeAsync(primary) is not "" and var other && other != probe, "the primary has another probe");
        await Eventually.TrueAsync(() => node.Received.Reports is [] or [.., "loss" or "available"], "nothing is taken for away");
        await node.SubscribeAsync(_channels);
        foreach (var channel in _channels)
        {
            await node.PublishAsync(channel, channel);
            await node.Received.WaitForAsync(channel, channel);
        }
    }

    private static async Task<string[]> SubscribedAtAsync(RedisClusterNode node, string pattern)
    {
        var lines = (await node.CommandAsync("PUBSUB", "SHARDCHANNELS", pattern)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        return [.. lines.Skip(1).Where(static (_, index) => index % 2 == 1)];
    }

    private async Task<string> ProbeAsync(RedisClusterNode node) =>
        (await SubscribedAtAsync(node, $"{_prefix}:v1:probe:*")) is [var probe] ? probe : "";

    private async Task<string[]> OwnedAsync(RedisClusterNode primary)
    {
        var owned = new List<string>();
        foreach (var channel in _channels)
        {
            if (await _cluster.OwnerAsync(RedisSlots.Of(channel)) == primary)
            {
                owned.Add(channel);
            }
        }

        return [.. owned];
    }

    /// <summary>Asserts that each channel is subscribed where its slot is, and nowhere else.</summary>
    private async Task AssertPlacedAsync()
    {
        foreach (var node in _cluster.Nodes.Where(static node => node.IsRunning))
        {
            var owned = (await OwnedAsync(node)).Order(StringComparer.Ordinal).ToArray();
            await Eventually.TrueAsync(
                async () => (await SubscribedAtAsync(node, $"{_prefix}:v1:chat:*")).Order(StringComparer.Ordinal).SequenceEqual(owned),
                $"{node.EndPoint} has subscribers for its own channels only");
        }
    }

    private Task<NumberedLoad> StartLoadAsync() => NumberedLoad.StartAsync(Create, _channels);

    private IBackplane Create() => RedisFactory.ShardedBackplane(
        $"{_cluster.ConnectionString},protocol={_protocol},connectTimeout=1000", options => options.OperationTimeout = TimeSpan.FromSeconds(5), prefix: _prefix);
}

public sealed class Resp3ClusterFaultTests() : ClusterFaultTests("resp3");

public sealed class Resp2ClusterFaultTests() : ClusterFaultTests("resp2");
