using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Testing;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsBackplaneLogTests : IAsyncLifetime
{
    private const string Channel = "log:v1:all";

    private readonly FakeLogger<NatsBackplane> _logger = new();
    private readonly NatsServer _server = new();

    public async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Outage_OnceThereAndBack_IsLoggedOnceEach()
    {
        await using var node = await BackplaneNode.StartAsync(NatsFactory.Backplane(_server.Url, logger: _logger));
        await _server.StopAsync();
        await node.Received.WaitForReportAsync("unavailable");
        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");

        Assert.Equal([1100, 1101, 1102], _logger.Collector.GetSnapshot().Where(entry => entry.Level > LogLevel.Debug).Select(entry => entry.Id.Id));
    }

    [Fact]
    public async Task Outages_LoggerThatThrows_EndAllTheSame()
    {
        await using var node = await BackplaneNode.StartAsync(NatsFactory.Backplane(_server.Url, logger: new ThrowingLogger()));
        await node.SubscribeAsync(Channel);
        for (var i = 0; i < 2; i++)
        {
            await _server.StopAsync();
            await node.Received.WaitForReportAsync("unavailable", i + 1);
            await _server.StartAsync();
            await node.Received.WaitForReportAsync("available", i + 1);
        }

        await node.PublishAsync(Channel, "heard");
        await node.Received.WaitForAsync(Channel, "heard");
    }

    [Fact]
    public async Task Receiver_ThatThrows_IsLoggedAndDoesNotStopTheChannel()
    {
        await using var backplane = NatsFactory.Backplane(_server.Url, logger: _logger);
        var receiver = new ThrowingReceiver();
        await backplane.StartAsync(receiver, TestContext.Current.CancellationToken);
        await backplane.SubscribeAsync(Channel, TestContext.Current.CancellationToken);

        await backplane.PublishAsync(Channel, new byte[] { 1 }, TestContext.Current.CancellationToken);
        await backplane.PublishAsync(Channel, new byte[] { 2 }, TestContext.Current.CancellationToken);

        await receiver.Second.Task.WithinGuardAsync();
        Assert.Contains(_logger.Collector.GetSnapshot(), entry => entry.Id.Id == 1105 && entry.Exception is InvalidOperationException);
    }

    private sealed class ThrowingLogger : ILogger<NatsBackplane>
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
