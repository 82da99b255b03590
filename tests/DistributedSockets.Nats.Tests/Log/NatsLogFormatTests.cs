using System.Buffers;

namespace DistributedSockets.Nats.Tests.Log;

public sealed class NatsLogFormatTests
{
    [Fact]
    public void Names_HubsThatLookAlike_EachKnowsItsOwnStreams()
    {
        var (hub, longer, other) = (new NatsLogNames("shop", "a"), new NatsLogNames("shop", "a-1"), new NatsLogNames("shop_log-a", "a"));

        Assert.Equal(("shop_log-a-7", "shop_log.v1.a.7.>"), (hub.Stream(7).Name, hub.Stream(7).Subjects));
        Assert.Equal(7, hub.EpochOf(hub.Stream(7).Name));
        Assert.Null(hub.EpochOf(longer.Stream(7).Name));
        Assert.Null(longer.EpochOf(hub.Stream(17).Name));
        Assert.Null(hub.EpochOf(other.Stream(7).Name));
        Assert.All(["", "shop_log-a-", "shop_log-a-0", "shop_log-a--7", "shop_log-a-+7", "shop_log-a-99999999999999999999"], name => Assert.Null(hub.EpochOf(name)));
    }

    [Fact]
    public void Targets_Written_AreReadAndTheRestIsThePayload()
    {
        LogTarget[] targets = [LogTarget.All, LogTarget.User("alice"), LogTarget.Group("alice"), LogTarget.Connection("alice")];
        var writer = new ArrayBufferWriter<byte>();
        NatsLogTargets.Write(writer, targets);
        writer.Write("payload"u8);

        var (hashes, payload) = (NatsLogTargets.Read(writer.WrittenSpan), NatsLogTargets.PayloadOf(writer.WrittenMemory));

        Assert.Equal(targets.Select(NatsLogTargets.HashOf), hashes);
        Assert.Equal(4, hashes.Distinct().Count());
        Assert.Equal("payload"u8.ToArray(), payload.ToArray());
        Assert.Equal(writer.WrittenCount - payload.Length, NatsLogTargets.Bytes(targets));
    }

    [Fact]
    public void Targets_CutShort_AreNone()
    {
        var writer = new ArrayBufferWriter<byte>();
        NatsLogTargets.Write(writer, [LogTarget.All, LogTarget.User("alice")]);
        for (var length = 0; length < writer.WrittenCount; length++)
        {
            Assert.Empty(NatsLogTargets.Read(writer.WrittenSpan[..length]));
            Assert.Equal(length, NatsLogTargets.PayloadOf(writer.WrittenMemory[..length]).Length);
        }
    }

    [Theory]
    [InlineData("$JS.ACK.stream.consumer.1.12.5.1700000000123456789.3")]
    [InlineData("$JS.ACK.domain.account.stream.consumer.1.12.5.1700000000123456789.3")]
    [InlineData("$JS.ACK._.account.stream.consumer.1.12.5.1700000000123456789.3.random")]
    public void Delivery_AnyServersSubject_IsRead(string replyTo) => Assert.Equal(
        new NatsLogDelivery(12, 5, DateTimeOffset.UnixEpoch.AddTicks(1700000000123456789 / 100)), NatsLogDelivery.Read(replyTo));

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("_INBOX.x")]
    [InlineData("$JS.ACK.")]
    [InlineData("$JS.ACK.stream.consumer.1.12.5.1700000000123456789")]
    [InlineData("$JS.ACK.stream.consumer.1.-12.5.1700000000123456789.3")]
    [InlineData("$JS.ACK.stream.consumer.1.12.five.1700000000123456789.3")]
    [InlineData("$JS.ACK.stream.consumer.1.12.5.99999999999999999999.3")]
    public void Delivery_AnythingElse_IsNone(string? replyTo) => Assert.Null(NatsLogDelivery.Read(replyTo));
}
