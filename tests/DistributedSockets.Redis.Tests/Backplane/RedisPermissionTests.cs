using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <summary>Servers that forbid a channel to the user of the backplane.</summary>
public sealed class RedisPermissionTests : IAsyncLifetime
{
    private const string Prefix = "shop";
    private const string Allowed = $"{Prefix}:v1:chat:group:red";
    private const string Forbidden = $"{Prefix}:v1:chat:group:blue";
    private const string Words = "NOPERM";

    private static readonly string[] Some = ["resetchannels", $"&{Prefix}:v1:probe:*", $"&{Prefix}:v1:servers", $"&{Allowed}"];
    private static readonly string[] All = ["resetchannels", $"&{Prefix}:v1:*"];

    private readonly RedisServer _server = new();
    private readonly FakeLogger<RedisBackplane> _logger = new();

    public ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        return _server.InitializeAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Subscribe_Forbidden_ThrowsTheWordsUntilItIsAllowedAndOthersWork(string protocol)
    {
        await AllowAsync(_server, Some);
        await using var node = await StartNodeAsync(protocol);

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        await node.SubscribeAsync(Allowed);
        await node.PublishAsync(Allowed, "hello");

        Assert.Contains(Words, refusal.Message);
        await node.Received.WaitForAsync(Allowed, "hello");
        Assert.Empty(node.Received.Reports);
        Assert.DoesNotContain(_logger.Collector.GetSnapshot(), static entry => entry.Level >= LogLevel.Warning);
        await AllowAsync(_server, All);
        await node.SubscribeAsync(Forbidden);
        await node.PublishAsync(Forbidden, "hello");
        Assert.Equal(["hello"], await node.Received.WaitForAsync(Forbidden, "hello"));
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Subscribed_ThenForbidden_IsReportedAndOthersAreBack(string protocol)
    {
        await AllowAsync(_server, All);
        await using var node = await StartNodeAsync(protocol);
        await node.SubscribeAsync(Allowed, Forbidden);

        await AllowAsync(_server, Some); // upon which Redis cuts the connection
        await node.Received.WaitForReportAsync("refused");
        await node.Received.WaitForReportAsync("available");

        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");
        await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        await AllowAsync(_server, All);
        await node.SubscribeAsync(Forbidden);
        await node.PublishAsync(Forbidden, "hello");
        Assert.Equal(["hello"], await node.Received.WaitForAsync(Forbidden, "hello"));
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Publish_Forbidden_ThrowsTheWordsAndOthersWork(string protocol)
    {
        await AllowAsync(_server, Some);
        await using var node = await StartNodeAsync(protocol);
        await node.SubscribeAsync(Allowed);

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.PublishAsync(Forbidden, "refused"));
        await node.PublishAsync(Allowed, "hello");

        Assert.Contains(Words, refusal.Message);
        await node.Received.WaitForAsync(Allowed, "hello");
        Assert.Empty(node.Received.Reports);
    }

    [Theory]
    [InlineData("resp2")]
    [InlineData("resp3")]
    public async Task Publish_ManyAtOnceSomeForbidden_EachGetsItsOwnAnswer(string protocol)
    {
        const int count = 200;
        await AllowAsync(_server, Some);
        await using var node = await StartNodeAsync(protocol);
        await node.SubscribeAsync(Allowed);
        await _server.PauseAsync();

        var allowed = new List<Task<long?>>();
        var forbidden = new List<Task<Exception?>>();
        for (var i = 0; i < count; i++)
        {
            allowed.Add(node.PublishAsync(Allowed, $"{i}"));
            forbidden.Add(Record.ExceptionAsync(() => node.PublishAsync(Forbidden, "refused")).AsTask());
        }

        await _server.ResumeAsync();
        Assert.All(await Task.WhenAll(allowed).WithinGuardAsync(), static receivers => Assert.Equal(1, receivers));
        Assert.All(await Task.WhenAll(forbidden).WithinGuardAsync(), static refusal => Assert.Contains(Words, Assert.IsType<BackplaneRefusedException>(refusal).Message));
        Assert.Equal(Enumerable.Range(0, count).Select(static i => $"{i}"), await node.Received.WaitForAsync(Allowed, count));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Subscribe_ForbiddenOverAConnectionOfTheApp_ThrowsTheWords()
    {
        await AllowAsync(_server, Some);
        await using var connection = await ConnectionMultiplexer.ConnectAsync(Connection(_server.EndPoint, "resp3"));
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(
            "", options => (options.ConnectionString, options.ConnectionMultiplexer) = (null, connection), _logger, Prefix));

        await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));

        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task SeveralServers_OneForbids_ThrowsNamesItAndReportsWhenItIsTakenAway()
    {
        await AllowAsync(_server, Some);
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane([Connection(_server.EndPoint, "resp3")], prefix: Prefix));

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        Assert.Contains(_server.EndPoint, refusal.Message);
        Assert.Contains(Words, refusal.Message);
        await AllowAsync(_server, All);
        await node.SubscribeAsync(Forbidden);
        await AllowAsync(_server, Some);
        await node.Received.WaitForReportAsync("refused");
    }

    [Fact]
    public async Task Sharded_Forbidden_ThrowsTheWordsAndIsReportedWhenItIsTakenAway()
    {
        await using var cluster = await RedisCluster.StartAsync();
        await AllowAllAsync(Some);
        await using var node = await BackplaneNode.StartAsync(
            RedisFactory.ShardedBackplane(Connection(cluster.ConnectionString, "resp3"), logger: _logger, prefix: Prefix));

        var refusal = await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.SubscribeAsync(Forbidden));
        Assert.Contains(Words, refusal.Message);
        await Assert.ThrowsAsync<BackplaneRefusedException>(() => node.PublishAsync(Forbidden, "refused"));
        await node.SubscribeAsync(Allowed);
        Assert.Empty(node.Received.Reports);

        await AllowAllAsync(All);
        await node.SubscribeAsync(Forbidden);
        await AllowAllAsync(Some);
        await node.Received.WaitForReportAsync("refused");
        await node.Received.WaitForReportAsync("available");
        await node.PublishAsync(Allowed, "hello");
        await node.Received.WaitForAsync(Allowed, "hello");

        async Task AllowAllAsync(string[] channels)
        {
            foreach (var server in cluster.Nodes)
            {
                await AllowAsync(server, channels);
            }
        }
    }

    [Fact]
    public async Task Sharded_FollowingASlotFailsHalfWay_ItIsServedAllTheSame()
    {
        const string forbidden = $"{Prefix}:v1:chat:{{slot}}:forbidden";
        const string allowed = $"{Prefix}:v1:chat:{{slot}}:allowed";
        var slot = RedisSlots.Of(allowed);
        await using var cluster = await RedisCluster.StartAsync();
        var source = await cluster.OwnerAsync(slot);
        foreach (var server in cluster.Nodes)
        {
            await AllowAsync(server, server == source ? ["resetchannels", "&*"] : ["resetchannels", $"&{Prefix}:v1:probe:*", $"&{allowed}"]);
        }

        var receiver = new FailingReceiver();
        await using var backplane = RedisFactory.ShardedBackplane(Connection(cluster.ConnectionString, "resp3"), logger: _logger, prefix: Prefix);
        await backplane.StartAsync(receiver, TestContext.Current.CancellationToken);
        await backplane.SubscribeAsync(forbidden, TestContext.Current.CancellationToken);
        await backplane.SubscribeAsync(allowed, TestContext.Current.CancellationToken);

        await cluster.MigrateAsync(slot, cluster.Nodes.Take(3).First(node => node != source));
        await receiver.Refused.Task.WithinGuardAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    await backplane.PublishAsync(allowed, "hello"u8.ToArray(), TestContext.Current.CancellationToken);
                    return receiver.Received.Task.IsCompleted;
                }
                catch (BackplaneUnavailableException)
                {
                    return false;
                }
            },
            "the slot is served by its new primary");
    }

    private static string Connection(string endPoints, string protocol) => $"{endPoints},user=sockets,password=PASSWORD,protocol={protocol}";

    private static async Task AllowAsync(RespServer server, string[] channels) =>
        Assert.StartsWith("+OK", await server.CommandAsync(["ACL", "SETUSER", "sockets", "on", ">PASSWORD", "~*", "+@all", .. channels]));

    private Task<BackplaneNode> StartNodeAsync(string protocol) =>
        BackplaneNode.StartAsync(RedisFactory.Backplane(Connection(_server.EndPoint, protocol), logger: _logger, prefix: Prefix));

    /// <summary>Throws when it is told of a refusal.</summary>
    private sealed class FailingReceiver : IBackplaneReceiver
    {
        public TaskCompletionSource Refused { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Received { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => Received.TrySetResult();

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description)
        {
        }

        public void OnSubscriptionRefused(string channel, BackplaneRefusedException cause)
        {
            Refused.TrySetResult();
            throw new InvalidOperationException("The receiver fails.");
        }
    }
}
