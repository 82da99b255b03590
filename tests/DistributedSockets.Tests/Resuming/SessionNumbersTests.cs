namespace DistributedSockets.Tests;

public sealed class SessionNumbersTests
{
    private readonly SessionNumbers _numbers = new(10, 500, maxMessages: 4, maxBytes: 1_000);

    [Theory]
    [InlineData(13)]
    [InlineData(long.MaxValue)]
    public void Acknowledge_WhatWasNeverSent_IsRefusedAndChangesNothing(long number)
    {
        Send(501, 502);

        Assert.False(_numbers.TryAcknowledge(number));
        Assert.Equal(((10, 500), (12, 502), 2), (_numbers.Acknowledged, _numbers.Last, _numbers.Count));
    }

    [Theory]
    [InlineData(10)]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    public void Acknowledge_WhatWasAcknowledgedBefore_ChangesNothing(long number)
    {
        Send(501, 502);

        Assert.True(_numbers.TryAcknowledge(number));
        Assert.Equal(((10, 500), (12, 502), 2), (_numbers.Acknowledged, _numbers.Last, _numbers.Count));
    }

    [Fact]
    public void Acknowledge_NearTheLargestNumber_Counts()
    {
        var numbers = new SessionNumbers(long.MaxValue - 2, long.MaxValue - 2, maxMessages: 4, maxBytes: 1_000);
        Send(numbers, long.MaxValue - 1, long.MaxValue);

        Assert.Equal((long.MaxValue, long.MaxValue), numbers.Last);
        Assert.True(numbers.TryAcknowledge(long.MaxValue));
        Assert.Equal(((long.MaxValue, long.MaxValue), 0), (numbers.Acknowledged, numbers.Count));
    }

    [Fact]
    public void Checkpoint_HalfOfTheMessagesAcknowledged_IsDueUntilItIsWritten()
    {
        Send(501, 502, 503);
        Assert.False(_numbers.IsCheckpointDue);
        Assert.True(_numbers.TryAcknowledge(11));
        Assert.False(_numbers.IsCheckpointDue);
        Assert.True(_numbers.TryAcknowledge(12));
        Assert.True(_numbers.IsCheckpointDue);

        Assert.True(_numbers.TryAcknowledge(13));
        _numbers.NoteCheckpoint(12); // the third was acknowledged while that was being written

        Assert.False(_numbers.IsCheckpointDue);
        Assert.Equal(1, _numbers.AcknowledgedSinceCheckpoint);
    }

    [Fact]
    public void Checkpoint_HalfOfTheBytesAcknowledged_IsDueUntilItIsWritten()
    {
        using var frame = Frame(501, 600);
        Write(_numbers, frame);
        Assert.False(_numbers.IsCheckpointDue);

        Assert.True(_numbers.TryAcknowledge(11));
        Assert.True(_numbers.IsCheckpointDue);
        _numbers.NoteCheckpoint(11);

        Assert.False(_numbers.IsCheckpointDue);
    }

    private void Send(params long[] offsets) => Send(_numbers, offsets);

    private static void Send(SessionNumbers numbers, params long[] offsets)
    {
        foreach (var offset in offsets)
        {
            using var frame = Frame(offset, 10);
            Write(numbers, frame);
        }
    }

    private static void Write(SessionNumbers numbers, SharedFrame frame)
    {
        Assert.True(numbers.MayWrite(frame));
        Span<byte> prefix = stackalloc byte[IMessagePrefix.MaxBytes];
        numbers.Write(prefix, frame, frame.Payload.Length);
    }

    private static SharedFrame Frame(long offset, int bytes)
    {
        using var plain = SharedFrame.Encode(WebSocketMessage.Text(new string('x', bytes)));
        Assert.True(SharedFrame.TryWrap(plain.Bytes.ToArray(), withDeflated: false, out var frame, null, offset));
        return frame;
    }
}
