using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Redis.Tests.Backplane;

public sealed class RedisBackplaneLogTests
{
    private const string Password = "s3cr3t-p4ssw0rd";

    private readonly FakeLogger<RedisBackplane> _logger = new();

    [Fact]
    public async Task Outage_OnceThereAndBack_IsLoggedOnceEach()
    {
        await using var redis = new RedisFixture();
        await redis.InitializeAsync();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(redis.EndPoint, logger: _logger));
        await redis.Server.StopAsync();
        await node.Received.WaitForReportAsync("unavailable");
        await redis.Server.StartAsync();
        await node.Received.WaitForReportAsync("available");

        Assert.Equal([1000, 1001, 1002], _logger.Collector.GetSnapshot().Where(entry => entry.Level > LogLevel.Debug).Select(entry => entry.Id.Id));
    }

    [Fact]
    public async Task Outages_LoggerThatThrows_EndAllTheSame()
    {
        await using var redis = new RedisFixture();
        await redis.InitializeAsync();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(redis.EndPoint, logger: new ThrowingLogger()));
        await node.SubscribeAsync("log:v1:all");
        for (var i = 0; i < 2; i++)
        {
            await redis.Server.StopAsync();
            await node.Received.WaitForReportAsync("unavailable", i + 1);
            await redis.Server.StartAsync();
            await node.Received.WaitForReportAsync("available", i + 1);
        }

        await node.PublishAsync("log:v1:all", "heard");
        await node.Received.WaitForAsync("log:v1:all", "heard");
    }

    [Fact]
    public async Task Receiver_ThatThrows_IsLoggedAndDoesNotStopTheChannel()
    {
        await using var redis = new RedisFixture();
        await redis.InitializeAsync();
        await using var backplane = RedisFactory.Backplane(redis.EndPoint, logger: _logger);
        var receiver = new ThrowingReceiver();
        await backplane.StartAsync(receiver, TestContext.Current.CancellationToken);
        await backplane.SubscribeAsync("log:v1:all", TestContext.Current.CancellationToken);

        await backplane.PublishAsync("log:v1:all", new byte[] { 1 }, TestContext.Current.CancellationToken);
        await backplane.PublishAsync("log:v1:all", new byte[] { 2 }, TestContext.Current.CancellationToken);

        await receiver.Second.Task.WithinGuardAsync();
        Assert.Contains(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1005 && entry.Exception is InvalidOperationException);
    }

    [Fact]
    public async Task ConnectionString_WithAPassword_IsNeitherLoggedNorThrown()
    {
        await using var redis = new RedisFixture();
        redis.Server.ExtraArguments.Add(redis.Server is RedisServer ? "--requirepass" : "--auth");
        redis.Server.ExtraArguments.Add(redis.Server is RedisServer ? "other" : "Password");
        if (redis.Server is GarnetServer)
        {
            redis.Server.ExtraArguments.Add("--password");
            redis.Server.ExtraArguments.Add("other");
        }

        await redis.InitializeAsync();
        await using var node = await BackplaneNode.StartAsync(RedisFactory.Backplane(
            $"{redis.EndPoint},password={Password},connectTimeout=1000", options => options.OperationTimeout = TimeSpan.FromSeconds(1), _logger));
        await node.Received.WaitForReportAsync("unavailable");

        var refusal = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync("log:v1:all", "lost"));
        Assert.DoesNotContain(Password, refusal.ToString());
        Assert.NotEmpty(_logger.Collector.GetSnapshot());
        Assert.All(_logger.Collector.GetSnapshot(), entry => Assert.DoesNotContain(Password, $"{entry.Message} {entry.Exception}"));
    }

    private sealed class ThrowingLogger : ILogger<RedisBackplane>
    {
        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => throw new InvalidOperationException("A logger that throws.");

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            throw new InvalidOperationException("A logger that throws.");
    }

    private sealed class ThrowingReceiver : IBackplaneReceiver
    {
        public TaskCompletionSource Second { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload)
        {
            if (payload.Span[0] == 1)
            {
                throw new InvalidOperationException("The first one is refused.");
            }

            Second.TrySetResult();
        }

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description)
        {
        }
    }
}
