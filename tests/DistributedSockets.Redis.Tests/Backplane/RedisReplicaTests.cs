using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>Two servers are configured, and they change their roles.</summary>
/// <remarks>A node that stayed with the old primary would publish where only its like listens.</remarks>
public sealed class RedisReplicaTests
{
    private const string Channel = "replica:v1:all";

    [Fact]
    public async Task RolesSwapped_NodesOfBeforeAndAfter_HearEachOther()
    {
        await using var first = new RedisServer();
        await using var second = new RedisServer();
        first.SkipUnlessAvailable();
        await first.StartAsync();
        await second.StartAsync();
        await ReplicateAsync(first, second);
        var servers = $"{first.EndPoint},{second.EndPoint},configCheckSeconds=1";
        await using var before = await BackplaneNode.StartAsync(RedisFactory.Backplane(servers));
        await before.SubscribeAsync(Channel);

        Assert.StartsWith("+OK", await second.CommandAsync("REPLICAOF", "NO", "ONE"), StringComparison.Ordinal);
        await ReplicateAsync(second, first);

        await using var after = await BackplaneNode.StartAsync(RedisFactory.Backplane(servers));
        await after.SubscribeAsync(Channel);
        await Eventually.TrueAsync(() => HearsAsync(before, after), "the later node hears the earlier one");
        await Eventually.TrueAsync(() => HearsAsync(after, before), "the earlier node hears the later one");
        await before.Received.WaitForReportAsync("unavailable");
        await before.Received.WaitForReportAsync("available");
        await before.Received.WaitForReportAsync("loss"); // of nodes that found out sooner or later
    }

    private static async Task<bool> HearsAsync(BackplaneNode publisher, BackplaneNode receiver)
    {
        var before = receiver.Received.Texts(Channel).Count;
        try
        {
            await publisher.PublishAsync(Channel, "hello");
        }
        catch (BackplaneUnavailableException)
        {
            return false;
        }

        return receiver.Received.Texts(Channel).Count > before;
    }

    private static async Task ReplicateAsync(RedisServer primary, RedisServer replica)
    {
        Assert.StartsWith("+OK", await replica.CommandAsync("REPLICAOF", "127.0.0.1", $"{primary.Port}"), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            async () => (await replica.CommandAsync("INFO", "replication")).Contains("master_link_status:up", StringComparison.Ordinal), "the replica is in step");
    }
}
