using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

/// <summary>What others send to the subjects of a backplane.</summary>
public sealed class NatsForeignBytesTests(NatsServer server) : IAsyncLifetime
{
    private const string Fence = "fence";

    private readonly string _prefix = $"foreign-{Guid.NewGuid():N}";

    private string Channel => $"{_prefix}:v1:chat:all";

    public ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        return ValueTask.CompletedTask;
    }

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Messages_OfNoBackplane_AreReportedAndHarmNothing()
    {
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);
        await using var stranger = new NatsConnection(new NatsOpts { Url = server.Url });
        var random = new Random(42);

        for (var i = 0; i < 2_000; i++)
        {
            var bytes = new byte[random.Next(0, 60)];
            random.NextBytes(bytes);
            if (bytes.Length > 0)
            {
                bytes[0] = (byte)random.Next(1, 4); // never a whole payload, which anyone who may publish can send
            }

            await PublishAsync(stranger, NatsSubjects.FromChannel(Channel), bytes);
        }

        await stranger.PingAsync(TestContext.Current.CancellationToken);
        await node.PublishAsync(Channel, Fence);
        await node.Received.WaitForAsync(Channel, Fence);
        Assert.Equal(Fence, Assert.Single(node.Received.Texts(Channel)));
        await node.Received.WaitForReportAsync("loss");
        Assert.InRange(node.Received.Reports.Count(report => report == "loss"), 1, 16);
        Assert.DoesNotContain("unavailable", node.Received.Reports);
    }

    [Fact]
    public async Task Messages_ToProbesAndPeers_HarmNothing()
    {
        await using var cluster = await NatsCluster.StartAsync(2);
        await using var node = await BackplaneNode.StartAsync(NatsFactory.Backplane(cluster.Servers[0].Url, prefix: _prefix));
        await node.SubscribeAsync(Channel);
        await using var stranger = new NatsConnection(new NatsOpts { Url = cluster.Servers[1].Url });
        await using var ear = await stranger.SubscribeCoreAsync<byte[]>(
            $"{_prefix}.v1.probe.*", cancellationToken: TestContext.Current.CancellationToken);
        await stranger.PingAsync(TestContext.Current.CancellationToken);
        await node.PublishAsync(Channel, "marker");
        var probe = (await ear.Msgs.ReadAsync(TestContext.Current.CancellationToken)).Subject;
        var random = new Random(43);

        for (var i = 0; i < 2_000; i++)
        {
            var bytes = new byte[random.Next(0, 200)];
            random.NextBytes(bytes);
            await PublishAsync(stranger, probe, bytes);
            await PublishAsync(stranger, $"{_prefix}.v1.peers", bytes, replyTo: NatsSubjects.FromChannel(Channel));
            await PublishAsync(stranger, $"{_prefix}.v1.arrivals", bytes);
        }

        await node.PublishAsync(Channel, Fence);
        Assert.Equal(["marker", Fence], await node.Received.WaitForAsync(Channel, Fence));
        Assert.Empty(node.Received.Reports);
    }

    private static ValueTask PublishAsync(NatsConnection connection, string subject, byte[] bytes, string? replyTo = null) => connection.PublishAsync(
        subject, bytes, replyTo: replyTo, serializer: NatsRawSerializer<byte[]>.Default, cancellationToken: TestContext.Current.CancellationToken);

    private Task<BackplaneNode> StartNodeAsync() => BackplaneNode.StartAsync(NatsFactory.Backplane(server.Url, prefix: _prefix));
}
