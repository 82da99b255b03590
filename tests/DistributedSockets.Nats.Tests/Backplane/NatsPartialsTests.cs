using System.Buffers;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsPartialsTests
{
    private const int MaxPayloadBytes = 1_000;
    private const int MaxBytes = 10_000;
    private const ulong Alice = 1;
    private const ulong Bob = 2;

    private readonly FakeTimeProvider _time = new();
    private readonly List<string> _losses = [];
    private readonly NatsPartials _partials;
    private readonly object _channel = new();

    public NatsPartialsTests() => _partials = new NatsPartials(MaxPayloadBytes, MaxBytes, _time, _losses.Add);

    [Fact]
    public void Add_PartsInOrder_GivesThePayloadWithTheLast()
    {
        Assert.Null(Add(Alice, 1, 5, 0, [1, 2]));
        Assert.Null(Add(Alice, 1, 5, 2, [3, 4]));

        Assert.Equal([1, 2, 3, 4, 5], Add(Alice, 1, 5, 4, [5]));
        Assert.Equal(0, _partials.Bytes);
        Assert.Empty(_losses);
    }

    [Fact]
    public void Add_TwoPublishersOnOneChannelAndOneOnTwo_AreNotMixed()
    {
        var other = new object();
        Add(Alice, 1, 2, 0, [1]);
        Add(Bob, 1, 2, 0, [3]);
        Add(Alice, 2, 2, 0, [5], other);

        Assert.Equal([1, 2], Add(Alice, 1, 2, 1, [2]));
        Assert.Equal([3, 4], Add(Bob, 1, 2, 1, [4]));
        Assert.Equal([5, 6], Add(Alice, 2, 2, 1, [6], other));
        Assert.Empty(_losses);
    }

    [Fact]
    public void Add_PayloadCutShortByTheNext_IsReportedAndTheNextArrives()
    {
        Add(Alice, 1, 4, 0, [1, 2]);

        Add(Alice, 2, 2, 0, [5]);

        Assert.Contains("given up after 2", Assert.Single(_losses));
        Assert.Equal([5, 6], Add(Alice, 2, 2, 1, [6]));
    }

    [Theory]
    [InlineData(1, 4, 3)] // a part is missing
    [InlineData(1, 4, 1)] // a part comes twice
    [InlineData(1, 5, 2)] // the length has changed
    [InlineData(2, 4, 2)] // it belongs to another payload
    public void Add_OtherPartThanDue_GivesUpThePayload(ulong number, int totalBytes, int offset)
    {
        Add(Alice, 1, 4, 0, [1, 2]);

        Assert.Null(Add(Alice, number, totalBytes, offset, [3]));

        Assert.Single(_losses);
        Assert.Null(Add(Alice, 1, 4, 2, [3, 4]));
        Assert.Equal(0, _partials.Bytes);
    }

    [Fact]
    public void Add_BegunBeforeTheSubscription_IsPassedOver()
    {
        Assert.Null(Add(Alice, 1, 4, 2, [3, 4]));

        Assert.Empty(_losses);
        Assert.Equal(0, _partials.Bytes);
    }

    [Theory]
    [InlineData(0, 0, 1)]
    [InlineData(-1, 0, 1)]
    [InlineData(int.MinValue, 0, 1)]
    [InlineData(MaxPayloadBytes + 1, 0, 1)]
    [InlineData(int.MaxValue, 0, 1)]
    [InlineData(10, -1, 1)]
    [InlineData(10, int.MinValue, 1)]
    [InlineData(10, 10, 1)]
    [InlineData(10, 0, 11)]
    [InlineData(10, int.MaxValue, 1)]
    [InlineData(10, 0, 0)]
    public void Add_PartThatFitsIntoNoPayload_IsReportedAndHoldsNothing(int totalBytes, int offset, int bytes)
    {
        Assert.Null(Add(Alice, 1, totalBytes, offset, new byte[bytes]));

        Assert.Single(_losses);
        Assert.Equal(0, _partials.Bytes);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(24)]
    public void Add_HeaderCutShort_IsReported(int length)
    {
        Assert.Null(_partials.Add(_channel, new ReadOnlySequence<byte>(new byte[length])));

        Assert.Single(_losses);
    }

    [Fact]
    public void Add_MessageInSeveralSegments_IsReadTheSame()
    {
        var message = Message(Alice, 1, 3, 0, [1, 2, 3]);

        for (var cut = 1; cut < message.Length; cut++)
        {
            Assert.Equal([1, 2, 3], _partials.Add(_channel, Segments(message[..cut], message[cut..])));
        }
    }

    [Fact]
    public void Add_FloodOfBeginnings_StaysWithinTheBoundAndGivesUpTheOldest()
    {
        Add(Alice, 1, 2, 0, [1]);
        for (ulong publisher = 100; publisher < 5_100; publisher++)
        {
            Add(publisher, 1, 2, 0, [1]);
            Assert.InRange(_partials.Bytes, 0, MaxBytes);
        }

        Assert.Contains("MaxPartialBytes", _losses[0]);
        Assert.Null(Add(Alice, 1, 2, 1, [2]));
        Assert.Equal([1, 2], Add(5_099, 1, 2, 1, [2]));
    }

    [Fact]
    public void Add_FloodOfTinyParts_StaysWithinTheBound()
    {
        for (ulong publisher = 0; publisher < 20; publisher++)
        {
            for (var offset = 0; offset < MaxPayloadBytes - 1; offset++)
            {
                Add(publisher, 1, MaxPayloadBytes, offset, [1]);
                Assert.InRange(_partials.Bytes, 0, MaxBytes);
            }
        }

        Assert.NotEmpty(_losses);
    }

    [Fact]
    public void Sweep_PartsThatNeverCame_AreGivenUpInTime()
    {
        Add(Alice, 1, 2, 0, [1]);
        _time.Advance(NatsPartials.MaxAge / 2);
        Add(Bob, 1, 2, 0, [1]);
        _partials.Sweep();
        Assert.Empty(_losses);

        _time.Advance(NatsPartials.MaxAge / 2);
        _partials.Sweep();

        Assert.Contains("1 payloads", Assert.Single(_losses));
        Assert.Null(Add(Alice, 1, 2, 1, [2]));
        Assert.Equal([1, 2], Add(Bob, 1, 2, 1, [2]));
    }

    [Fact]
    public void Forget_OneChannel_KeepsTheOthers()
    {
        var kept = new object();
        Add(Alice, 1, 2, 0, [1]);
        Add(Alice, 2, 2, 0, [1], kept);

        _partials.Forget(_channel);

        Assert.Null(Add(Alice, 1, 2, 1, [2]));
        Assert.Equal([1, 2], Add(Alice, 2, 2, 1, [2], kept));
        Assert.Empty(_losses);
        Assert.Equal(0, _partials.Bytes);
    }

    [Fact]
    public void Clear_Always_HoldsNothing()
    {
        Add(Alice, 1, 2, 0, [1]);

        _partials.Clear();

        Assert.Equal(0, _partials.Bytes);
        Assert.Null(Add(Alice, 1, 2, 1, [2]));
        Assert.Empty(_losses);
    }

    private static byte[] Message(ulong publisher, ulong number, int totalBytes, int offset, byte[] bytes)
    {
        var writer = new ArrayBufferWriter<byte>();
        NatsFrame.WritePart(writer, new NatsPart(publisher, number, totalBytes, offset), bytes);
        return writer.WrittenSpan.ToArray();
    }

    private static ReadOnlySequence<byte> Segments(byte[] first, byte[] second)
    {
        var begin = new Segment(first, 0);
        var end = new Segment(second, first.Length);
        begin.LinkTo(end);
        return new ReadOnlySequence<byte>(begin, 0, end, second.Length);
    }

    private byte[]? Add(ulong publisher, ulong number, int totalBytes, int offset, byte[] bytes, object? channel = null) =>
        _partials.Add(channel ?? _channel, new ReadOnlySequence<byte>(Message(publisher, number, totalBytes, offset, bytes)));

    private sealed class Segment : ReadOnlySequenceSegment<byte>
    {
        public Segment(byte[] memory, long runningIndex) => (Memory, RunningIndex) = (memory, runningIndex);

        public void LinkTo(Segment next) => Next = next;
    }
}
