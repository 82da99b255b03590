using System.Diagnostics.Metrics;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Diagnostics.Metrics.Testing;

namespace DistributedSockets.Tests;

/// <summary>A lane that cannot deliver as fast as envelopes come.</summary>
public sealed class LaneTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(16, 1_073_741_824, 1_000, 16)]
    [InlineData(65_536, 1_048_576, 300_000, 3)]
    public async Task Lane_Full_DropsCountsAndReportsWhatComesBeyondAndDeliversTheRest(int capacity, int bytes, int size, int fitting)
    {
        var observer = new LossObserver();
        await using var node = await AppNode.StartAsync(
            options: options =>
            {
                options.Lanes = 1;
                options.LaneCapacity = capacity;
                options.LaneBytes = bytes;
            },
            build: sockets => sockets.Services.AddSingleton<IClusterObserver>(observer));
        var receiver = node.Services.GetRequiredService<EnvelopeSorter>();
        var writer = new EnvelopeWriter("other-node");
        await using var client = await node.ConnectAsync();
        using var dropped = new MetricCollector<long>(
            node.Services.GetRequiredService<IMeterFactory>(), "DistributedSockets", "distributed_sockets.backplane.dropped_envelopes");
        using var blocked = new ManualResetEventSlim();
        using var release = new ManualResetEventSlim();
        using var listener = BlockDelivery(node, blocked, release);

        var first = Task.Run(() => Receive(0), Cancellation); // delivered by this thread, which the listener holds
        Assert.True(blocked.Wait(Eventually.Guard, Cancellation));
        for (var i = 1; i <= fitting + 2; i++)
        {
            Receive(i);
        }

        release.Set();
        await first.WithinGuardAsync();
        for (var i = 0; i <= fitting; i++)
        {
            Assert.Equal(i, await NextAsync());
        }

        Receive(fitting + 3);
        Assert.Equal(fitting + 3, await NextAsync()); // there is room again, and nothing else came before
        Assert.Equal(2, dropped.GetMeasurementSnapshot().Count(static measurement => measurement.Tags["distributed_sockets.drop_reason"] is "lane_full"));
        await Eventually.TrueAsync(() => observer.Seen.Any(static loss => loss.Cause == PossibleLossCause.LaneFull), "the loss is reported");

        void Receive(int number)
        {
            var payload = new byte[size];
            payload[0] = (byte)number;
            using var frame = SharedFrame.Encode(WebSocketMessage.Binary(payload));
            var envelope = writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length); // not returned: who receives it keeps it
            receiver.OnReceived(node.Hub.AllChannel, envelope.AsMemory(0, length));
        }

        async Task<int> NextAsync() => (await client.ReceiveAsync()).Data[0];
    }

    [Fact]
    public async Task Lane_DeliveryAndItsReportThrow_GoesOn()
    {
        await using var node = await AppNode.StartAsync(options: static options => options.Lanes = 1);
        await using var client = await node.ConnectAsync();
        var receiver = node.Services.GetRequiredService<EnvelopeSorter>();
        var writer = new EnvelopeWriter("other-node");
        var command = writer.WriteCommand(Guid.Empty, new(RemoteCommandKind.Disconnect, "other-node.x", "", 1000), out var commandBytes).AsMemory(0, commandBytes);
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("x"));
        var envelope = writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length).AsMemory(0, length);
        using (new ThrowingListener(node, "distributed_sockets.sent_frames", "distributed_sockets.backplane.dropped_envelopes"))
        {
            receiver.OnReceived(node.Hub.OwnChannel, command); // has a thread of the pool deliver, on which an exception would end the process
            for (var i = 0; i < 10; i++)
            {
                receiver.OnReceived(node.Hub.AllChannel, envelope);
            }

            for (var i = 0; i < 10; i++)
            {
                Assert.Equal("x", await client.ReceiveTextAsync());
            }
        }

        receiver.OnReceived(node.Hub.AllChannel, envelope);
        Assert.Equal("x", await client.ReceiveTextAsync());
    }

    /// <summary>Whoever measures how long an envelope waited does so on the thread that delivers it.</summary>
    private static MeterListener BlockDelivery(AppNode node, ManualResetEventSlim blocked, ManualResetEventSlim release)
    {
        var factory = node.Services.GetRequiredService<IMeterFactory>();
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "distributed_sockets.backplane.lag" && ReferenceEquals(instrument.Meter.Scope, factory))
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<double>((_, _, _, _) =>
        {
            blocked.Set();
            release.Wait(Eventually.Guard);
        });
        listener.Start();
        return listener;
    }
}
