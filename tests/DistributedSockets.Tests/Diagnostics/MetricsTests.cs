using System.Diagnostics.Metrics;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace DistributedSockets.Tests;

public sealed class MetricsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Meter_MessagesBothWaysAndOneEnd_AreCounted()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster);
        await using var other = await AppNode.StartAsync(cluster);
        using var active = Collect<long>(node, "distributed_sockets.active_connections");
        using var duration = Collect<double>(node, "distributed_sockets.connection.duration");
        using var received = Collect<long>(node, "distributed_sockets.received_messages");
        using var sent = Collect<long>(node, "distributed_sockets.sent_frames");
        using var publish = Collect<double>(other, "distributed_sockets.backplane.publish.duration");
        using var envelopes = Collect<long>(node, "distributed_sockets.backplane.received_envelopes");
        using var lag = Collect<double>(node, "distributed_sockets.backplane.lag");
        await using var client = await node.ConnectAsync();

        await client.SendAsync("echo");
        Assert.Equal("echo", await client.ReceiveTextAsync());
        await other.Router.SendToAllAsync("remote", Cancellation);
        Assert.Equal("remote", await client.ReceiveTextAsync());
        Assert.Equal(1, Sum(active));
        await client.Socket.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await duration.WaitForMeasurementsAsync(1, Eventually.Guard);

        Assert.Equal(0, Sum(active));
        Assert.Equal(1, Sum(received));
        Assert.Equal(3, Sum(sent)); // the id, the echo, the remote one
        Assert.Equal(1, Sum(envelopes));
        Assert.Single(lag.GetMeasurementSnapshot());
        Assert.Equal("closed_by_client", duration.LastMeasurement?.Tags["distributed_sockets.close_reason"]);
        Assert.Equal("in_memory", publish.LastMeasurement?.Tags["distributed_sockets.backplane.system"]);
    }

    [Fact]
    public async Task Meter_EnabledMidway_NeverGoesNegative()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync();
        using var active = Collect<long>(node, "distributed_sockets.active_connections");
        using var duration = Collect<double>(node, "distributed_sockets.connection.duration");

        await client.Socket.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await duration.WaitForMeasurementsAsync(1, Eventually.Guard);

        Assert.Equal(0, Sum(active));
    }

    [Fact]
    public async Task Meter_OneClientOfTwoAnswersPings_CountsItAsWrittenToDirectlyUntilItGoes()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.DirectWrites = true);
        using var direct = Collect<long>(node, "distributed_sockets.direct_connections");
        using var mute = await RawClient.ConnectAsync(node.Address, "/chat");
        mute.AnswersPings = false;
        await using var client = await node.ConnectAsync();
        while (!node.Hub.Find(client.Id)!.Queue.IsDirect)
        {
            await client.SendAsync("echo");
            await client.ReceiveTextAsync(); // and answers pings meanwhile
        }

        Assert.Equal(1, Count());

        await client.Socket.CloseAsync(System.Net.WebSockets.WebSocketCloseStatus.NormalClosure, null, Cancellation);
        await Eventually.TrueAsync(() => Count() == 0, "it has gone, and the other one takes the pipe");
        Assert.Single(node.Hub.All);

        long Count()
        {
            direct.RecordObservableInstruments();
            return direct.LastMeasurement!.Value;
        }
    }

    [Fact]
    public async Task Meter_ClientThatDoesNotRead_ShowsQueueBytesWithinTheLimitThenDrops()
    {
        const int Limit = 256 * 1024;
        await using var node = await AppNode.StartAsync(options: options => options.OutboundQueueBytes = Limit);
        using var bytes = Collect<long>(node, "distributed_sockets.outbound_queue.bytes");
        using var dropped = Collect<long>(node, "distributed_sockets.dropped_frames");
        using var raw = await RawClient.ConnectAsync(node.Address, "/chat");
        var id = System.Text.Encoding.UTF8.GetString((await raw.ReadFrameAsync()).Payload);
        var largest = 0L;

        for (var i = 0; Sum(dropped) == 0; i++)
        {
            Assert.True(i < 100_000, "The queue never filled.");
            await node.Router.SendToAllAsync(new byte[10_000], Cancellation);
            bytes.RecordObservableInstruments();
            largest = Math.Max(largest, bytes.LastMeasurement?.Value ?? 0);
        }

        Assert.InRange(largest, 1, Limit);
        Assert.Equal("close", dropped.LastMeasurement?.Tags["distributed_sockets.drop_reason"]);
        Assert.Equal(DisconnectKind.SlowConsumer, (await node.Probe.Disconnected(id).Task.WithinGuardAsync()).Kind);
        bytes.RecordObservableInstruments();
        Assert.Equal(0, bytes.LastMeasurement?.Value);
    }

    private static MetricCollector<T> Collect<T>(AppNode node, string instrument)
        where T : struct =>
        new(node.Services.GetRequiredService<IMeterFactory>(), "DistributedSockets", instrument);

    private static long Sum(MetricCollector<long> collector) => collector.GetMeasurementSnapshot().Sum(measurement => measurement.Value);
}
