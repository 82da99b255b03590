using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Backplane;

/// <remarks>Real Redis only: it alone counts subscribed connections as a type of their own.</remarks>
public sealed class RedisPubSubKillTests
{
    private const string Channel = "kill:v1:user:alice";

    [Theory]
    [InlineData(ServerKind.RedisResp3)]
    [InlineData(ServerKind.RedisResp2)]
    public async Task ClientKill_PubSub_IsReportedAndHealed(ServerKind kind)
    {
        await using var server = await kind.StartAsync();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(kind.ConnectionString(server)));
        await node.SubscribeAsync(Channel);

        Assert.Equal(":1\r\n", await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub"));

        await node.Received.WaitForReportAsync("available");
        Assert.Equal(["unavailable", "available"], node.Received.Reports);
        await node.PublishAsync(Channel, "fence");
        await node.Received.WaitForAsync(Channel, "fence");
    }

    /// <remarks>The multiplexer opens the next connection before it tells that one has failed, and on a busy machine long before.</remarks>
    [Theory]
    [InlineData(ServerKind.RedisResp3)]
    [InlineData(ServerKind.RedisResp2)]
    public async Task ClientKill_AgainWhenTheMultiplexerHasToldLateOfTheFirstTime_IsReportedAndHealed(ServerKind kind)
    {
        await using var server = await kind.StartAsync();
        using var late = new LateTeller();
        using var loggers = LoggerFactory.Create(logging => logging.AddProvider(late));
        var configuration = ConfigurationOptions.Parse(kind.ConnectionString(server));
        configuration.LoggerFactory = loggers;
        await using var app = await ConnectionMultiplexer.ConnectAsync(configuration);
        var told = 0;
        app.ConnectionFailed += (_, _) => Interlocked.Increment(ref told);
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(
            "", options => (options.ConnectionString, options.ConnectionMultiplexer) = (null, app)));
        await node.SubscribeAsync(Channel);

        late.Hold();
        await KillPubSubAsync(server);
        await Eventually.TrueAsync(async () => Subscribers(await server.CommandAsync("PUBSUB", "NUMSUB", Channel)) == 1, "the next connection has subscribed");
        await node.PublishAsync(Channel, "by the next connection");
        await node.Received.WaitForAsync(Channel, "by the next connection");
        late.Release();
        await Eventually.TrueAsync(() => Volatile.Read(ref told) == 1 && IsOver(node), "the first time has been told of, and is over");
        var losses = Count(node, "unavailable");

        await KillPubSubAsync(server);

        await node.Received.WaitForReportAsync("unavailable", losses + 1);
        await Eventually.TrueAsync(() => IsOver(node), "the second time is over");
        await node.PublishAsync(Channel, "fence");
        await node.Received.WaitForAsync(Channel, "fence");
        Assert.Contains("loss", node.Received.Reports); // from the last proof on, as nobody told when it was
    }

    private static async Task KillPubSubAsync(RespServer server) => Assert.Equal(":1\r\n", await server.CommandAsync("CLIENT", "KILL", "TYPE", "pubsub"));

    /// <summary>The number at the end of what the server answers.</summary>
    private static int Subscribers(string answer) => int.Parse(answer.TrimEnd()[^1..], System.Globalization.CultureInfo.InvariantCulture);

    private static bool IsOver(BackplaneNode node) => Count(node, "available") is > 0 and var times && times == Count(node, "unavailable");

    private static int Count(BackplaneNode node, string report) => node.Received.Reports.Count(made => made == report);

    /// <summary>Holds the multiplexer up where it logs that a connection has failed, which is just before it tells of it.</summary>
    private sealed class LateTeller : ILoggerProvider, ILogger
    {
        private readonly ManualResetEventSlim _free = new(true);

        public void Hold() => _free.Reset();

        public void Release() => _free.Set();

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel == LogLevel.Error;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (IsEnabled(logLevel))
            {
                _free.Wait(TestContext.Current.CancellationToken);
            }
        }

        public void Dispose() => _free.Set();
    }
}
