using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Options;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>Over a connection that the app owns and uses itself.</summary>
public sealed class NatsSharedConnectionTests : IAsyncLifetime
{
    private const string Fence = "fence";
    private const string Channel = "shared:v1:chat:all";

    private readonly NatsServer _server = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Dispose_SharedConnection_StaysOpenWithTheAppsOwnSubscriptionsOnly()
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url });
        await using var ear = await connection.SubscribeCoreAsync<string>("app.own", cancellationToken: Cancellation);
        var node = await StartNodeAsync(connection);
        await node.SubscribeAsync(Enumerable.Range(0, 300).Select(static i => $"{Channel}:{i}"));

        await node.DisposeAsync();

        Assert.Equal(NatsConnectionState.Open, connection.ConnectionState);
        await connection.PublishAsync("app.own", Fence, cancellationToken: Cancellation);
        Assert.Equal(Fence, (await ear.Msgs.ReadAsync(Cancellation)).Data);

        // The server knows nothing of the backplane any more: a request where nobody listens is answered so.
        await Assert.ThrowsAsync<NatsNoRespondersException>(async () =>
            await connection.RequestAsync<string>(NatsSubjects.FromChannel($"{Channel}:7"), cancellationToken: Cancellation));
    }

    [Fact]
    public async Task TwoNodes_OneConnection_EachKeepsItsOwnSubscriptions()
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url });
        await using var leaving = await StartNodeAsync(connection);
        await using var staying = await StartNodeAsync(connection);
        await leaving.SubscribeAsync(Channel);
        await staying.SubscribeAsync(Channel);

        await leaving.UnsubscribeAsync(Channel);
        await staying.PublishAsync(Channel, Fence);

        Assert.Equal([Fence], await staying.Received.WaitForAsync(Channel, Fence));
        Assert.Empty(leaving.Received.Texts(Channel));
    }

    [Fact]
    public async Task Outage_SharedConnection_IsReportedAndHealed()
    {
        await using var connection = new NatsConnection(new NatsOpts { Url = _server.Url, ReconnectWaitMin = TimeSpan.FromMilliseconds(100) });
        await using var node = await StartNodeAsync(connection);
        await node.SubscribeAsync(Channel);

        await _server.StopAsync();
        await node.Received.WaitForReportAsync("unavailable");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");

        await node.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(Channel, Fence));
    }

    private static async Task<BackplaneNode> StartNodeAsync(INatsConnection connection) => await BackplaneNode.StartAsync(new NatsBackplane(
        Options.Create(new NatsBackplaneOptions { Connection = connection, OperationTimeout = TimeSpan.FromSeconds(10) }),
        Options.Create(new DistributedWebSocketsClusterOptions()),
        TimeProvider.System));
}
