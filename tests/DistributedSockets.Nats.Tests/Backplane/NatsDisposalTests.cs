using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>What a backplane that was disposed of leaves on a connection of the app: nothing, whatever was under way.</summary>
public sealed class NatsDisposalTests : IAsyncLifetime
{
    private const string Channel = "disposed:v1:chat:group:red";

    private readonly NatsServer _server = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Dispose_WhileSubscribesAreConfirmed_NoneStays()
    {
        const int channels = 200;
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url });
        for (var round = 0; round < 10; round++)
        {
            await using var node = await BackplaneNode.StartAsync(Backplane(connection));
            var names = Enumerable.Range(0, channels).Select(i => $"{Channel}:{round}:{i}").ToArray();
            var subscribing = Array.ConvertAll(names, name => Record.ExceptionAsync(() => node.SubscribeAsync(name)).AsTask());
            await Task.WhenAny(subscribing); // the markers of the others are on their way, or back

            await node.DisposeAsync();

            Assert.All(await Task.WhenAll(subscribing), static exception => Assert.True(exception is null or ObjectDisposedException or BackplaneUnavailableException, $"{exception}"));
            foreach (var name in names)
            {
                await Eventually.TrueAsync(() => ListensNobodyAsync(connection, NatsSubjects.FromChannel(name)), $"nobody listens on {name}");
            }
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_SubscriptionIsOnItsWayToTheClient_ItEndsWhenItIsThere(bool isProbe)
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url });
        var (holding, control) = HoldingConnection.Create(connection, held => held is NatsChannelSubscription != isProbe);
        var backplane = Backplane(holding, TimeSpan.FromMilliseconds(500)); // for so long disposal waits for what is held up
        var starting = backplane.StartAsync(new RecordingReceiver(), Cancellation).AsTask();
        Task subscribing = starting;
        if (!isProbe)
        {
            await starting.WithinGuardAsync();
            subscribing = backplane.SubscribeAsync(Channel, Cancellation).AsTask();
        }

        var held = await control.Held.WithinGuardAsync();
        await backplane.DisposeAsync().WithinGuardAsync();
        await Record.ExceptionAsync(() => subscribing.WithinGuardAsync());
        await control.ReleaseAsync().WithinGuardAsync();

        await Eventually.TrueAsync(() => ListensNobodyAsync(connection, held.Subject), "nobody listens");
    }

    [Fact]
    public async Task Start_AfterDisposal_IsRefusedAndLeavesNoHandler()
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url });
        var backplane = Backplane(connection);
        await backplane.DisposeAsync();

        await Assert.ThrowsAsync<ObjectDisposedException>(async () => await backplane.StartAsync(new RecordingReceiver(), Cancellation));
    }

    private static NatsBackplane Backplane(INatsConnection connection, TimeSpan? timeout = null) => NatsFactory.Backplane("", options =>
    {
        (options.Url, options.Connection) = (null, connection);
        options.OperationTimeout = timeout ?? options.OperationTimeout;
    });

    /// <summary>The server answers a request where nobody listens.</summary>
    private static async Task<bool> ListensNobodyAsync(INatsConnection connection, string subject)
    {
        try
        {
            await connection.RequestAsync<string>(subject, replyOpts: new NatsSubOpts { Timeout = TimeSpan.FromSeconds(2) }, cancellationToken: Cancellation);
            return false;
        }
        catch (NatsNoRespondersException)
        {
            return true;
        }
        catch (NatsNoReplyException)
        {
            return false;
        }
    }
}
