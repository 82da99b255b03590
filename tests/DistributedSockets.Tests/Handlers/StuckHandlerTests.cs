using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace DistributedSockets.Tests;

/// <summary>Handlers that never return, and heed no token either.</summary>
public sealed class StuckHandlerTests
{
    private readonly InMemoryCluster _cluster = new();
    private readonly TaskCompletionSource _started = new();
    private readonly TaskCompletionSource _finish = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Handler_Stuck_CanBeSentToAndDisconnectedAndItsSessionEnds()
    {
        await using var node = await StartAsync();
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync("ann");
        await node.Router.AddToGroupAsync(client.Id, "g", Cancellation);
        await GetStuckAsync(client);

        await other.Router.SendToGroupAsync("g", "still there?", Cancellation);
        Assert.Equal("still there?", await client.ReceiveTextAsync());
        await other.Router.DisconnectAsync(client.Id, (WebSocketCloseStatus)4_000, "enough", Cancellation);
        Assert.Equal(((WebSocketCloseStatus)4_000, "enough"), await client.ReceiveCloseAsync());

        await HasEndedAsync(node, other, client.Id);
        Assert.Equal(0, node.Services.GetRequiredService<ChannelSubscriptions>().CountNeeded(node.Hub.GroupChannel("g")));
        Assert.False(node.Probe.Disconnected(client.Id).Task.IsCompleted); // the handler's members are never called concurrently
        _finish.SetResult();
        Assert.Equal(DisconnectKind.ClosedByServer, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Handler_StuckWhenItsClientVanishes_SessionEnds(bool fromTheStart)
    {
        await using var node = await StartAsync();
        await using var other = await AppNode.StartAsync(_cluster);
        string? id = null;
        node.Probe.OnConnected = connection =>
        {
            id = connection.Id;
            return fromTheStart ? node.Probe.OnMessage(connection, default, default) : ValueTask.CompletedTask;
        };
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat?u=ann");
        await raw.WriteFrameAsync(0x1, "go"u8.ToArray());
        await _started.Task.WithinGuardAsync();

        raw.Tcp.LingerState = new LingerOption(true, 0);
        raw.Tcp.Close();

        await HasEndedAsync(node, other, id!); // OnConnected has run
        _finish.SetResult();
        Assert.Equal(DisconnectKind.ConnectionLost, (await node.Probe.Disconnected(id!).Task.WithinGuardAsync()).Kind);
    }

    [Fact]
    public async Task Handler_StuckWhileTheNodeStops_ClientIsDrainedAndTheNodeStopsInTime()
    {
        await using var node = await StartAsync(shutdownTimeout: TimeSpan.FromSeconds(3));
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync("ann");
        await using var idle = await node.ConnectAsync("bob");
        node.Probe.OnDisconnected = (connection, _) => connection.UserId == "bob" ? new(_finish.Task) : ValueTask.CompletedTask;
        await GetStuckAsync(client);
        var reading = Task.WhenAll(client.ReceiveCloseAsync(), idle.ReceiveCloseAsync());

        await node.StopAsync().WithinGuardAsync();

        Assert.All(await reading.WithinGuardAsync(), close => Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, close.Status));
        Assert.Empty(await other.Store.ListAsync(SessionQuery.ForHub("probe"), Cancellation).ToArrayAsync(Cancellation));
        Assert.Contains(node.Logs.GetSnapshot(), record => record.Id.Id == 204); // it waited for the handler for as long as it may
        _finish.SetResult();
        Assert.Equal(DisconnectKind.Drained, (await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync()).Kind);
    }

    [Fact]
    public async Task Handler_StuckWhenItsClientCloses_ClientIsAnsweredAndTheSessionEnds()
    {
        await using var node = await StartAsync();
        await using var other = await AppNode.StartAsync(_cluster);
        await using var client = await node.ConnectAsync("ann");
        await GetStuckAsync(client);

        await client.Socket.CloseAsync((WebSocketCloseStatus)4_500, "done here", Cancellation).WithinGuardAsync();

        Assert.Equal((WebSocketCloseStatus)4_500, client.Socket.CloseStatus);
        await HasEndedAsync(node, other, client.Id);
        _finish.SetResult();
        Assert.Equal(
            new DisconnectReason { Kind = DisconnectKind.ClosedByClient, CloseStatus = (WebSocketCloseStatus)4_500, Description = "done here" },
            await node.Probe.Disconnected(client.Id).Task.WithinGuardAsync());
    }

    [Fact]
    public async Task Handler_StuckWhenItsClientClosesAndTheNodeLooksLate_ClientIsAnsweredBeforeItIsCutOff()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.CloseTimeout = TimeSpan.FromMinutes(1));
        node.Probe.OnMessage = async (_, _, _) =>
        {
            _started.TrySetResult();
            await _finish.Task;
        };
        await using var client = await node.ConnectAsync("ann");
        await GetStuckAsync(client);
        await client.Socket.CloseOutputAsync((WebSocketCloseStatus)4_500, null, Cancellation);
        var connection = (Connection)node.Probe.Connections[client.Id];
        await Eventually.TrueAsync(() => connection.IsClosedByClient, "the close frame has come");
        var (now, minute) = (TimeProvider.System.GetTimestamp(), 60 * TimeProvider.System.TimestampFrequency);
        connection.KeepAlive(now);

        connection.KeepAlive(now + (3 * minute));

        Assert.False(connection.IsHandlerStuck(now + (3 * minute)));
        Assert.Equal((WebSocketCloseStatus)4_500, (await client.ReceiveCloseAsync()).Status);
        Assert.True(connection.IsHandlerStuck(now + (4 * minute) + 1_000));
        _finish.SetResult();
    }

    [Fact]
    public async Task Handler_BusyWhenItsClientCloses_AnswersTheMessageBeforeTheClose()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.CloseTimeout = TimeSpan.FromMinutes(1));
        node.Probe.OnMessage = async (connection, message, token) =>
        {
            _started.TrySetResult();
            await _finish.Task.WaitAsync(token);
            await connection.SendAsync(message, token);
        };
        await using var client = await node.ConnectAsync("ann");
        await GetStuckAsync(client);
        await client.Socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, Cancellation);
        var connection = (Connection)node.Probe.Connections[client.Id];
        await Eventually.TrueAsync(() => connection.IsClosedByClient, "the close frame has come");

        _finish.SetResult();

        Assert.Equal("work", await client.ReceiveTextAsync());
        Assert.Equal(WebSocketMessageType.Close, (await client.ReceiveAsync()).Type);
    }

    [Fact]
    public async Task Handler_StuckAndItsCountThrows_TheOthersAreLookedAfterAllTheSame()
    {
        await using var node = await StartAsync();
        using var listener = new ThrowingListener(node, "distributed_sockets.handler_errors");
        await using var client = await node.ConnectAsync("ann");
        using var silent = await RawClient.ConnectAsync(node.Address, "/chat");
        Assert.Equal(0x1, (await silent.ReadFrameAsync()).Opcode);
        await GetStuckAsync(client);

        client.Socket.Abort();
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(record => record.Id.Id == 110), "the stuck handler is counted, and the listener has thrown");

        for (var i = 0; i < 2; i++)
        {
            Assert.Equal(0x9, (await silent.ReadFrameAsync()).Opcode); // pinged after a second of silence
            await silent.WriteFrameAsync(0xA, []);
        }

        _finish.SetResult();
    }

    private async Task<AppNode> StartAsync(TimeSpan? shutdownTimeout = null)
    {
        var node = await AppNode.StartAsync(
            _cluster,
            options =>
            {
                options.CloseTimeout = TimeSpan.FromMilliseconds(200);
                options.KeepAliveInterval = TimeSpan.FromSeconds(1); // looked after four times a second
            },
            sockets => sockets.Services.Configure<HostOptions>(host => host.ShutdownTimeout = shutdownTimeout ?? host.ShutdownTimeout));
        node.Probe.OnMessage = async (_, _, _) =>
        {
            _started.TrySetResult();
            await _finish.Task;
        };
        return node;
    }

    private async Task GetStuckAsync(TestClient client)
    {
        await client.SendAsync("work");
        await _started.Task.WithinGuardAsync();
    }

    private static async Task HasEndedAsync(AppNode node, AppNode other, string connectionId)
    {
        await Eventually.TrueAsync(() => node.Logs.GetSnapshot().Any(record => record.Id.Id == 110), "the node has noticed");
        await Eventually.TrueAsync(
            async () => !await other.Store.IsOnlineAsync("probe", "ann", Cancellation) && await other.Store.FindAsync("probe", connectionId, Cancellation) is null,
            "the session has ended");
        Assert.Equal(0, node.Hub.Count);
        Assert.Single(node.Logs.GetSnapshot(), record => record.Id.Id == 110);
    }
}
