using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Log;

/// <summary>Redis drops keys when its memory is full.</summary>
public sealed class RedisLogEvictionTests
{
    private readonly LogHub _hub = new()
    {
        Name = "chat",
        Retention = new() { MaxAge = TimeSpan.FromHours(1), MaxEntriesPerTarget = 1_000, IdempotencyTime = TimeSpan.FromMinutes(1) },
    };

    [Theory]
    [InlineData("volatile-lru", false)]
    [InlineData("allkeys-lru", true)]
    public async Task Evicted_TargetsOrAll_GapOrNewEpochIsTold(string policy, bool isHeadEvicted)
    {
        await using var server = new RedisServer();
        server.SkipUnlessAvailable();
        await server.StartAsync();
        await using var node = await MessageLogNode.StartAsync(RedisFactory.MessageLog(
            server.EndPoint, "eviction", static options => options.OperationTimeout = TimeSpan.FromSeconds(3)));
        LogAppendResult last = default;
        for (var i = 0; i < 10; i++)
        {
            last = await node.AppendAsync(_hub, LogTarget.Group($"{i}"), "hello");
        }

        await server.CommandAsync("CONFIG", "SET", "maxmemory-policy", policy);
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "1");
        var exception = await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(_hub, LogTarget.Group("0"), "refused"));
        Assert.False(exception.IsOutcomeUnknown);
        await Eventually.TrueAsync(
            async () => (await server.CommandAsync("DBSIZE")).StartsWith(isHeadEvicted ? ":0" : ":1", StringComparison.Ordinal), "keys are evicted");
        await server.CommandAsync("CONFIG", "SET", "maxmemory", "0");

        var page = await node.ReadPageAsync(
            _hub, new() { Targets = [LogTarget.Group("3")], Epoch = last.Position.Epoch, After = 0, UpTo = 10, MaxEntries = 10, MaxBytes = 1_000 });
        var next = await node.AppendAsync(_hub, LogTarget.Group("3"), "next");

        Assert.Equal(isHeadEvicted, !page.IsKnown);
        if (isHeadEvicted)
        {
            Assert.True(next.Position.Epoch > last.Position.Epoch, "the epoch is larger");
            return;
        }

        Assert.Equal(10, page.RemovedTo);
        Assert.Equal(11, next.Position.Offset);
        page = await node.ReadPageAsync(
            _hub, new() { Targets = [LogTarget.Group("3")], Epoch = last.Position.Epoch, After = 10, UpTo = 11, MaxEntries = 10, MaxBytes = 1_000 });
        Assert.Single(page.Entries);
        Assert.Equal(10, page.RemovedTo);
    }
}
