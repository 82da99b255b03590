using System.Collections.Concurrent;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>Over a connection that the app owns and uses itself.</summary>
public sealed class RedisSharedConnectionTests(RedisFixture redis) : IClassFixture<RedisFixture>
{
    private const string Fence = "fence";

    private readonly string _channel = $"shared:v1:{Guid.NewGuid():N}";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("resp3")]
    [InlineData("resp2")]
    public async Task Dispose_SharedConnection_StaysOpenWithTheAppsOwnSubscriptions(string protocol)
    {
        await using var multiplexer = await ConnectAsync(protocol);
        var subscriber = multiplexer.GetSubscriber();
        var heard = new BlockingCollection<string>();
        await subscriber.SubscribeAsync(RedisChannel.Literal(_channel), (_, message) => heard.Add(message!));
        var node = await StartNodeAsync(multiplexer);
        await node.SubscribeAsync(_channel);
        await node.PublishAsync(_channel, "both");
        await node.Received.WaitForAsync(_channel, "both");

        await node.UnsubscribeAsync(_channel);
        await node.SubscribeAsync(_channel);
        await node.DisposeAsync();

        Assert.True(multiplexer.IsConnected);
        Assert.Equal(1, await subscriber.PublishAsync(RedisChannel.Literal(_channel), Fence));
        Assert.Equal(["both", Fence], [heard.Take(Cancellation), heard.Take(Cancellation)]);
        Assert.Equal(["both"], node.Received.Texts(_channel));
    }

    [Theory]
    [InlineData("resp3")]
    [InlineData("resp2")]
    public async Task Dispose_SharedConnection_LeavesNoSubscriptionOfItsOwn(string protocol)
    {
        await using var multiplexer = await ConnectAsync(protocol);
        var node = await StartNodeAsync(multiplexer);
        var channels = Enumerable.Range(0, 300).Select(i => $"{_channel}:{i}").ToArray();
        await node.SubscribeAsync(channels);

        await node.DisposeAsync();

        foreach (var channel in channels)
        {
            Assert.Equal(0, await multiplexer.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), "unheard"));
        }
    }

    [Theory]
    [InlineData("resp3")]
    [InlineData("resp2")]
    public async Task Dispose_WhileSubscribesAreConfirmed_NoneStays(string protocol)
    {
        await using var multiplexer = await ConnectAsync(protocol);
        for (var round = 0; round < 5; round++)
        {
            var node = await StartNodeAsync(multiplexer);
            var channels = Enumerable.Range(0, 100).Select(i => $"{_channel}:{round}:{i}").ToArray();
            var subscribing = Array.ConvertAll(channels, channel => Record.ExceptionAsync(() => node.SubscribeAsync(channel)).AsTask());
            await Task.WhenAny(subscribing);

            await node.DisposeAsync();

            Assert.All(
                await Task.WhenAll(subscribing),
                static exception => Assert.True(exception is null or ObjectDisposedException or BackplaneUnavailableException, $"{exception}"));
            foreach (var channel in channels)
            {
                await Eventually.TrueAsync(
                    async () => await multiplexer.GetSubscriber().PublishAsync(RedisChannel.Literal(channel), "unheard") == 0, $"nobody listens on {channel}");
            }
        }
    }

    [Fact]
    public async Task TwoNodes_OneConnection_EachKeepsItsOwnSubscriptions()
    {
        await using var multiplexer = await ConnectAsync("resp3");
        await using var leaving = await StartNodeAsync(multiplexer);
        await using var staying = await StartNodeAsync(multiplexer);
        await leaving.SubscribeAsync(_channel);
        await staying.SubscribeAsync(_channel);

        await leaving.UnsubscribeAsync(_channel);
        await staying.PublishAsync(_channel, Fence);

        Assert.Equal([Fence], await staying.Received.WaitForAsync(_channel, Fence));
        Assert.Empty(leaving.Received.Texts(_channel));
    }

    [Fact]
    public async Task Outage_SharedConnection_IsReportedAndHealed()
    {
        await using var server = new RedisFixture();
        await server.InitializeAsync();
        await using var multiplexer = await ConnectionMultiplexer.ConnectAsync(server.EndPoint + ",abortConnect=false");
        await using var node = await StartNodeAsync(multiplexer);
        await node.SubscribeAsync(_channel);

        await server.Server.StopAsync();
        await node.Received.WaitForReportAsync("unavailable");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(_channel, "lost"));
        await server.Server.StartAsync();
        await node.Received.WaitForReportAsync("available");

        await node.PublishAsync(_channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(_channel, Fence));
    }

    [Fact]
    public async Task SessionStoreDispose_SharedConnection_StaysOpen()
    {
        await using var multiplexer = await ConnectAsync("resp3");
        var store = new RedisSessionStore(
            Options.Create(new RedisSessionStoreOptions { ConnectionMultiplexer = multiplexer }),
            Options.Create(new DistributedWebSocketsClusterOptions { Prefix = $"shared-{Guid.NewGuid():N}" }),
            TimeProvider.System);
        Assert.Empty(await store.ListNodesAsync(Cancellation));

        await store.DisposeAsync();

        Assert.True(multiplexer.IsConnected);
        await multiplexer.GetDatabase().PingAsync();
    }

    private static async Task<BackplaneNode> StartNodeAsync(IConnectionMultiplexer multiplexer) => await BackplaneNode.StartAsync(new RedisBackplane(
        Options.Create(new RedisBackplaneOptions { ConnectionMultiplexer = multiplexer }),
        Options.Create(new DistributedWebSocketsClusterOptions()),
        TimeProvider.System));

    private async Task<ConnectionMultiplexer> ConnectAsync(string protocol) =>
        await ConnectionMultiplexer.ConnectAsync($"{redis.EndPoint},protocol={protocol}");
}
