using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.HealthChecks;
using Microsoft.Extensions.Logging;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>A node that starts before its Redis.</summary>
public sealed class StartTests
{
    private const string NotThere = "127.0.0.1:1";

    private static readonly TimeSpan s_timeout = TimeSpan.FromMilliseconds(300);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public static TheoryData<string, Action<RedisOptions>> Ways => new()
    {
        { "one server", static options => options.ConnectionString = NotThere },
        { "sentinels", static options => options.ConnectionString = $"{NotThere},serviceName=main" },
        { "several servers", static options => Array.ForEach([NotThere, "127.0.0.1:2"], server => options.Servers.Add(new() { ConnectionString = server })) },
        {
            "a Redis Cluster", static options =>
            {
                options.ConnectionString = NotThere;
                options.ShardedPubSub = true;
            }
        },
    };

    [Theory]
    [MemberData(nameof(Ways), DisableDiscoveryEnumeration = true)]
    public async Task Redis_NotThere_IsOneWarningOfOneLine(string way, Action<RedisOptions> configure)
    {
        Assert.NotEmpty(way);
        await using var node = await RedisNode.StartAsync(
            sockets => sockets.UseRedis(options =>
            {
                configure(options);
                options.OperationTimeout = s_timeout;
            }),
            $"start-{Guid.NewGuid():N}");

        await using var client = await node.ConnectAsync("alice"); // whose session cannot be written either
        await node.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await node.Router.SendToGroupAsync("red", "here", Cancellation));
        Assert.Equal("here", await client.ReceiveAsync());
        await AttemptsAsync(node, 2);

        var warning = Assert.Single(node.Logs.GetSnapshot(), static record => record.Level >= LogLevel.Warning && record.Category?.StartsWith("DistributedSockets", StringComparison.Ordinal) == true);
        Assert.Equal((208, LogLevel.Warning), (warning.Id.Id, warning.Level));
        Assert.Null(warning.Exception);
        Assert.DoesNotContain('\n', warning.Message);
        Assert.Contains("The backplane and the session store are away.", warning.Message);
    }

    [Fact]
    public async Task Redis_ComesLater_NodeJoinsTheClusterWithoutARestart()
    {
        await using var redis = new RedisFixture();
        await redis.InitializeAsync();
        await redis.Server.StopAsync();
        var prefix = $"start-{Guid.NewGuid():N}";
        await using var early = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await using var client = await early.ConnectAsync("alice");
        await early.Router.AddToGroupAsync(client.Id, "red", Cancellation);

        await redis.Server.StartAsync();
        await using var late = await RedisNode.StartAsync(redis.EndPoint, prefix);
        await early.HealthyAsync();
        var received = client.ReceiveAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                await late.Router.SendToGroupAsync("red", "from a later node", Cancellation);
                return received.IsCompleted;
            },
            "the group is reached");

        Assert.Equal("from a later node", await received);
        Assert.True(early.Losses.Count > 0);
    }

    /// <summary>Waits until the session store was asked in vain that many times more.</summary>
    private static async Task AttemptsAsync(RedisNode node, int count)
    {
        for (var i = 0; i < count; i++)
        {
            await Assert.ThrowsAsync<SessionStoreUnavailableException>(async () => await node.Store.ListNodesAsync(Cancellation));
        }

        Assert.Equal(HealthStatus.Degraded, (await node.HealthAsync()).Status);
    }
}
