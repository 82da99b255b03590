using DistributedSockets.Testing;
using DistributedSockets.TestServers;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsLargePayloadTests(NatsServer server) : IAsyncLifetime
{
    private readonly string _prefix = $"large-{Guid.NewGuid():N}";

    private string Channel => $"{_prefix}:v1:chat:all";

    public ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Publish_SixteenTimesWhatTheServerTakesAtOnce_ArrivesUnchangedBetweenItsNeighbours()
    {
        await using var publisher = await StartNodeAsync();
        await using var subscriber = await StartNodeAsync();
        await subscriber.SubscribeAsync(Channel);
        var payload = new byte[16 * 1024 * 1024 + 1];
        new Random(1).NextBytes(payload);

        await Task.WhenAll(publisher.PublishAsync(Channel, "before"), publisher.PublishAsync(Channel, payload), publisher.PublishAsync(Channel, "after"));

        await subscriber.Received.WaitForAsync(Channel, 3);
        var received = subscriber.Received.Payloads(Channel);
        Assert.True(payload.AsSpan().SequenceEqual(received[1].Span));
        Assert.Equal([6, payload.Length, 5], received.Select(static message => message.Length));
    }

    [Fact]
    public async Task Publish_AboveTheLimit_SaysWhatToSet()
    {
        await using var node = await StartNodeAsync(2_000_000);

        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => node.PublishAsync(Channel, new byte[2_000_001]));

        Assert.Contains("NatsBackplaneOptions.MaxPayloadBytes is 2000000", refusal.Message);
        await node.PublishAsync(Channel, new byte[2_000_000]);
    }

    private Task<BackplaneNode> StartNodeAsync(int? maxPayloadBytes = null) => BackplaneNode.StartAsync(
        NatsFactory.Backplane(server.Url, options => options.MaxPayloadBytes = maxPayloadBytes ?? options.MaxPayloadBytes, prefix: _prefix));
}
