using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Redis.Tests.Backplane;

public sealed class RedisPublishTests(RedisServer server)
{
    private const int Bytes = 100_000;
    private const int Count = 200;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Publish_LargePayloads_TakesCopiesFromThePoolAndEachArrivesUnchanged()
    {
        server.SkipUnlessAvailable();
        await using var backplane = RedisFactory.Backplane(server.EndPoint, prefix: $"publish-{Guid.NewGuid():N}");
        var receiver = new RecordingReceiver();
        await backplane.StartAsync(receiver, Cancellation);
        var channel = $"channel-{Guid.NewGuid():N}";
        await backplane.SubscribeAsync(channel, Cancellation);
        var payload = new byte[Bytes];
        var allocated = 0L;
        for (byte i = 0; i < Count; i++)
        {
            payload.AsSpan().Fill(i);
            var before = GC.GetAllocatedBytesForCurrentThread();
            var publish = backplane.PublishAsync(channel, payload, Cancellation);
            allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            await publish;
        }

        Assert.InRange(allocated, 0, Count * Bytes / 4); // the pool has an array for each thread that has published
        await receiver.WaitForAsync(channel, Count);
        var received = receiver.Payloads(channel);
        for (byte i = 0; i < Count; i++)
        {
            Assert.Equal(Bytes, received[i].Length);
            Assert.False(received[i].Span.ContainsAnyExcept(i), $"Payload {i} has changed.");
        }
    }
}
