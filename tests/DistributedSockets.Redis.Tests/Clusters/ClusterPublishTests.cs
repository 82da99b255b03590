using DistributedSockets.Redis.Tests.Backplane;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Clusters;

/// <summary>Publishes that go out together on a Redis Cluster.</summary>
public sealed class ClusterPublishTests(RedisCluster cluster)
{
    private const int Count = 100;

    private readonly string _prefix = $"together-{Guid.NewGuid():N}";

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Sharded_SomeSlotsAreElsewhere_OnlyTheirPublishesFail(string protocol)
    {
        cluster.SkipUnlessAvailable();
        var here = $"{_prefix}:v1:chat:here";
        var primary = await cluster.OwnerAsync(RedisSlots.Of(here));
        var elsewhere = await FindAsync(cluster, async channel => await cluster.OwnerAsync(RedisSlots.Of(channel)) != primary);
        await using var node = await BackplaneNode.StartAsync(ShardAt(primary, protocol, here));
        await node.SubscribeAsync(here);

        var (served, refused) = (new List<Task<long?>>(), new List<Task<Exception?>>());
        for (var i = 0; i < Count; i++)
        {
            served.Add(node.PublishAsync(here, $"{i}"));
            refused.Add(Record.ExceptionAsync(() => node.PublishAsync(elsewhere, "lost")).AsTask());
        }

        Assert.All(await Task.WhenAll(served).WithinGuardAsync(), Assert.Null);
        Assert.All(await Task.WhenAll(refused).WithinGuardAsync(), static failure =>
            Assert.Contains("MOVED", Assert.IsType<BackplaneUnavailableException>(failure).Message, StringComparison.Ordinal));
        Assert.Equal(Enumerable.Range(0, Count).Select(static i => $"{i}"), await node.Received.WaitForAsync(here, Count));
    }

    [Fact]
    public async Task Plain_OnePrimaryDoesNotAnswer_PublishesThroughOthersDoNotWaitForIt()
    {
        await using var frozen = await RedisCluster.StartAsync();
        var stuck = $"{_prefix}:v1:chat:stuck";
        var primary = await frozen.OwnerAsync(RedisSlots.Of(stuck));
        var served = await FindAsync(frozen, async channel => await frozen.OwnerAsync(RedisSlots.Of(channel)) != primary);
        await using var node = await BackplaneNode.StartAsync(
            RedisFactory.Backplane(frozen.ConnectionString, static options => options.OperationTimeout = TimeSpan.FromSeconds(60), prefix: _prefix));
        await primary.PauseAsync();

        var (waiting, answered) = (new List<Task>(), new List<Task>());
        for (var i = 0; i < Count; i++)
        {
            waiting.Add(Record.ExceptionAsync(() => node.PublishAsync(stuck, $"{i}")).AsTask());
            answered.Add(node.PublishAsync(served, $"{i}"));
        }

        var first = await Task.WhenAny(Task.WhenAll(answered), Task.WhenAny(waiting)).WithinGuardAsync();
        await first;
        Assert.All(answered, static publish => Assert.True(publish.IsCompletedSuccessfully));
        await primary.ResumeAsync();
        await Task.WhenAll(waiting).WithinGuardAsync();
    }

    [Fact]
    public async Task Plain_ServerOfAChannelIsUnknownForAMoment_ItsPublishesKeepTheirOrder()
    {
        cluster.SkipUnlessAvailable();
        var channel = $"{_prefix}:v1:chat:order";
        await using var connection = await ConnectionMultiplexer.ConnectAsync(cluster.ConnectionString);
        var (watched, watch) = WatchedConnection.Of(connection);
        await using var node = await BackplaneNode.StartAsync(new RedisBackplane(
            new() { ConnectionMultiplexer = watched, OperationTimeout = TimeSpan.FromSeconds(60) },
            RedisBackplane.NewProbe(_prefix),
            isShard: false,
            TimeProvider.System,
            NullLogger.Instance));
        await node.SubscribeAsync(channel);
        using var entered = new SemaphoreSlim(0);
        using var goOn = new SemaphoreSlim(0);
        var isUnknown = true;
        watch.WhileFindingServer = _ =>
        {
            if (isUnknown)
            {
                isUnknown = false;
                throw new RedisConnectionException(ConnectionFailureType.UnableToResolvePhysicalConnection, CommandFlags.None, "No server.");
            }
        };
        watch.WhileWriting = () =>
        {
            entered.Release();
            goOn.Wait(TestContext.Current.CancellationToken);
        };

        var first = Task.Run(() => node.PublishAsync(channel, "0"), TestContext.Current.CancellationToken);
        Assert.True(await entered.WaitAsync(TimeSpan.FromSeconds(60), TestContext.Current.CancellationToken));
        watch.WhileWriting = null;
        var others = Enumerable.Range(1, Count - 1).Select(i => node.PublishAsync(channel, $"{i}")).ToArray(); // one batch, as they gather meanwhile
        goOn.Release();

        await Task.WhenAll([first, .. others]).WithinGuardAsync();
        Assert.False(isUnknown);
        Assert.Equal(Enumerable.Range(0, Count).Select(static i => $"{i}"), await node.Received.WaitForAsync(channel, Count));
    }

    private async Task<string> FindAsync(RedisCluster where, Func<string, Task<bool>> isWanted)
    {
        where.SkipUnlessAvailable();
        for (var i = 0; ; i++)
        {
            var channel = $"{_prefix}:v1:chat:other:{i}";
            if (await isWanted(channel))
            {
                return channel;
            }
        }
    }

    /// <summary>What <see cref="RedisShardedBackplane"/> has for one primary.</summary>
    private static RedisBackplane ShardAt(RedisClusterNode primary, string protocol, string channel)
    {
        var configuration = ConfigurationOptions.Parse($"{primary.EndPoint},protocol={protocol}");
        configuration.CommandMap = CommandMap.Create(["CLUSTER"], available: false);
        return new(
            new() { Configuration = configuration, OperationTimeout = TimeSpan.FromSeconds(10) },
            RedisSlots.FindChannel("probe", [], slot => slot == RedisSlots.Of(channel)),
            isShard: true,
            TimeProvider.System,
            NullLogger.Instance);
    }
}
