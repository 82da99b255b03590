using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using StackExchange.Redis;

namespace DistributedSockets.Redis.Tests.Hosts;

/// <summary>What anyone may publish in the Redis that nodes share.</summary>
public abstract class ForeignBytesTests(RespServer server) : IAsyncLifetime
{
    private readonly string _prefix = $"bytes-{Guid.NewGuid():N}";
    private ConnectionMultiplexer? _foreign;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private ISubscriber Foreign => _foreign!.GetSubscriber();

    public async ValueTask InitializeAsync()
    {
        server.SkipUnlessAvailable();
        _foreign = await ConnectionMultiplexer.ConnectAsync(server.EndPoint);
    }

    public async ValueTask DisposeAsync()
    {
        if (_foreign is not null)
        {
            await _foreign.DisposeAsync();
        }

        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Rubbish_OnEveryChannel_IsCountedAndTheNextMessageArrives()
    {
        await using var sender = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var node = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var client = await node.ConnectAsync("alice");
        await sender.Router.AddToGroupAsync(client.Id, "red", Cancellation);
        string[] channels = ["all", "user:alice", "group:red", $"node:{node.Info.NodeId}"];
        var whole = await CaptureAsync(() => sender.Router.SendToUserAsync("alice", "captured", Cancellation));
        Assert.Equal("captured", await client.ReceiveAsync());
        var rubbish = Rubbish(whole).ToArray();
        using var dropped = node.Collect("backplane.dropped_envelopes");
        using var losses = node.Collect("possible_losses");

        var started = TimeProvider.System.GetTimestamp();
        foreach (var bytes in rubbish)
        {
            await Task.WhenAll(channels.Select(channel => Foreign.PublishAsync(RedisChannel.Literal($"{_prefix}:v1:{RedisNode.Hub}:{channel}"), bytes)));
        }

        // On the probe's channel too, on which the backplane hears only itself.
        foreach (var probe in await ProbesAsync())
        {
            foreach (var bytes in rubbish)
            {
                await Foreign.PublishAsync(probe, bytes, CommandFlags.FireAndForget);
            }
        }

        await sender.Router.SendToAllAsync("still served", Cancellation);
        Assert.Equal("still served", await client.ReceiveAsync());
        await Eventually.TrueAsync(
            () => dropped.GetMeasurementSnapshot().Sum(measured => measured.Value) >= rubbish.Length * channels.Length, "all of it is counted");
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;
        Assert.Equal(rubbish.Length * channels.Length, dropped.GetMeasurementSnapshot().Sum(measured => measured.Value));
        Assert.All(dropped.GetMeasurementSnapshot(), measured => Assert.Equal("unreadable", measured.Tags["distributed_sockets.drop_reason"]));
        Assert.All(losses.GetMeasurementSnapshot(), measured => Assert.Equal("unreadable_envelope", measured.Tags["distributed_sockets.loss_cause"]));

        // Once a second at most, to the log, the observers and the metric alike.
        Assert.InRange(losses.GetMeasurementSnapshot().Count, 1, (int)seconds + 2);
        Assert.InRange(node.Losses.Count, 1, (int)seconds + 2);
        Assert.InRange(node.Logs.GetSnapshot().Count(entry => entry.Id.Id == 150), 1, (int)seconds + 2);
        foreach (var survivor in new[] { sender, node })
        {
            await survivor.HealthyAsync();
            Assert.DoesNotContain(survivor.Logs.GetSnapshot(), entry => entry.Level >= Microsoft.Extensions.Logging.LogLevel.Error);
        }
    }

    /// <summary>Whoever can publish can send; but each envelope once, and only to its target.</summary>
    [Fact]
    public async Task WholeEnvelope_PublishedAgainOrElsewhere_ReachesOnlyItsTarget()
    {
        await using var sender = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var node = await RedisNode.StartAsync(server.EndPoint, _prefix);
        await using var alice = await node.ConnectAsync("alice");
        await using var bob = await node.ConnectAsync("bob");
        var whole = await CaptureAsync(() => sender.Router.SendToUserAsync("alice", "captured", Cancellation));
        Assert.Equal("captured", await alice.ReceiveAsync());

        // An envelope says itself whom it is for.
        await Foreign.PublishAsync(RedisChannel.Literal($"{_prefix}:v1:{RedisNode.Hub}:user:bob"), whole);
        await sender.Router.SendToAllAsync("fence", Cancellation);

        Assert.Equal(["captured", "fence"], await alice.ReceiveUntilAsync("fence"));
        Assert.Equal(["fence"], await bob.ReceiveUntilAsync("fence"));
    }

    private static IEnumerable<byte[]> Rubbish(byte[] whole)
    {
        var random = new Random(1);
        yield return [];
        yield return Encoding.UTF8.GetBytes("PUBLISH {\"type\":\"hello\"}");
        yield return new byte[1 << 20];
        yield return Bytes(1 << 20);
        for (var i = 0; i < 100; i++)
        {
            yield return Bytes(random.Next(1, 2_000));
        }

        for (var cut = 1; cut < whole.Length; cut++)
        {
            yield return whole[..cut];
        }

        // The right header, and rubbish behind.
        var header = 5 + whole[4];
        for (var i = 0; i < 100; i++)
        {
            byte[] rest = Bytes(random.Next(1, 200));
            rest[0] |= 4; // no target there is
            yield return [.. whole[..header], .. rest];
        }

        yield return [.. whole[..header], .. Bytes(1 << 20).Select(static (value, index) => index == 0 ? (byte)9 : value)];

        byte[] Bytes(int count)
        {
            var bytes = new byte[count];
            random.NextBytes(bytes);
            bytes[0] |= 2; // no version there is
            return bytes;
        }
    }

    /// <summary>Reads an envelope off the wire as it is.</summary>
    private async Task<byte[]> CaptureAsync(Func<ValueTask> send)
    {
        var captured = new TaskCompletionSource<byte[]>(TaskCreationOptions.RunContinuationsAsynchronously);
        var channel = RedisChannel.Literal($"{_prefix}:v1:{RedisNode.Hub}:user:alice");
        await Foreign.SubscribeAsync(channel, (_, message) => captured.TrySetResult((byte[])message!));
        await send();
        var envelope = await captured.Task.WithinGuardAsync();
        await Foreign.UnsubscribeAsync(channel);
        return envelope;
    }

    private async Task<RedisChannel[]> ProbesAsync()
    {
        var probes = (RedisValue[]?)await _foreign!.GetDatabase().ExecuteAsync("PUBSUB", "CHANNELS", $"{_prefix}:v1:probe:*");
        Assert.Equal(2, probes!.Length);
        return Array.ConvertAll(probes, static probe => RedisChannel.Literal(probe.ToString()));
    }
}

public sealed class ForeignBytesOnRedisTests(RedisServer server) : ForeignBytesTests(server);

public sealed class ForeignBytesOnGarnetTests(GarnetServer server) : ForeignBytesTests(server);
