using System.Buffers.Binary;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>When it is known that the server's pipe holds nothing of a connection any more.</summary>
public sealed class DrainProofTests
{
    private readonly FakeTimeProvider _time = new();
    private readonly DrainProof _proof;

    public DrainProofTests() => _proof = new(_time);

    [Fact]
    public void FirstFrameOfClient_NothingWritten_SaysThatTheAnswerToTheHandshakeHasLeft()
    {
        Assert.False(_proof.IsDrained);

        Assert.False(_proof.OnRead("x"u8));

        Assert.True(_proof.IsDrained);
        Assert.False(_proof.TryPipe());
    }

    [Fact]
    public void FirstFrameOfClient_SomethingWrittenBefore_SaysNothing()
    {
        Assert.True(_proof.TryPipe());

        Assert.False(_proof.OnRead("x"u8));

        Assert.False(_proof.IsDrained);
    }

    [Fact]
    public void Question_NothingWritten_IsNotMade() => Assert.False(_proof.TryMakeQuestion(new byte[PongSearch.PayloadBytes]));

    [Theory]
    [InlineData(0u)]
    [InlineData(0xA5C3_0F11u)]
    public void Pong_OfTheQuestion_SaysThatAllHasLeft(uint mask)
    {
        var payload = AskAfterWrite();

        Assert.False(_proof.OnRead([0x81, 0x81, 1, 2, 3, 4, 5, .. Pong(payload, mask), 0x8A]));

        Assert.True(_proof.IsDrained);
    }

    [Fact]
    public void Pong_ReadInPieces_SaysThatAllHasLeft()
    {
        byte[] read = [0x81, 0x81, 1, 2, 3, 4, 5, .. Pong(AskAfterWrite(), 0xA5C3_0F11), 0x8A];
        for (var size = 1; size < read.Length; size++)
        {
            for (var at = 0; at < read.Length; at += size)
            {
                Assert.Equal(at >= read.Length - 1, _proof.IsDrained); // the pong ends with the last byte but one
                _proof.OnRead(read.AsSpan(at, Math.Min(size, read.Length - at)));
            }

            Assert.True(_proof.IsDrained);
            _proof.Refill();
            read = [.. read[..7], .. Pong(Ask(), 0xA5C3_0F11), 0x8A];
        }
    }

    [Fact]
    public void Question_NotAnsweredForLong_IsAskedAgainWithAnotherPayload()
    {
        var first = AskAfterWrite();
        _time.Advance(TimeSpan.FromSeconds(9));
        Assert.False(_proof.TryMakeQuestion(new byte[PongSearch.PayloadBytes]));

        _time.Advance(TimeSpan.FromSeconds(1));
        var second = Ask();

        _proof.OnRead(Pong(first, 5));
        Assert.False(_proof.IsDrained);
        _proof.OnRead(Pong(second, 5));
        Assert.True(_proof.IsDrained);
    }

    [Fact]
    public void Pong_OfAnother_SaysNothing()
    {
        var payload = AskAfterWrite();
        var other = (byte[])payload.Clone();
        other[7] ^= 1;

        Assert.False(_proof.OnRead([.. Pong(other, 7), 0x8A, 0x80, 0, 0, 0, 0, .. Pong(payload, 7)[..^1]]));

        Assert.False(_proof.IsDrained);
        Assert.False(_proof.TryMakeQuestion(new byte[PongSearch.PayloadBytes])); // one is on its way
    }

    [Fact]
    public void Pong_SomethingWrittenBehindTheQuestion_AsksAgain()
    {
        var payload = AskAfterWrite();
        Assert.True(_proof.TryPipe());

        Assert.True(_proof.OnRead(Pong(payload, 1)));

        Assert.False(_proof.IsDrained);
        Assert.True(_proof.TryMakeQuestion(payload));
        Assert.True(_proof.TryPipe());
        _proof.OnQuestionWritten(isPiped: true);
        Assert.False(_proof.OnRead(Pong(payload, 2)));
        Assert.True(_proof.IsDrained);
    }

    [Fact]
    public void Refill_Drained_IsProvenAnewByAnotherQuestionOnly()
    {
        _proof.OnRead("x"u8);
        _proof.Refill();
        Assert.False(_proof.IsDrained);
        Assert.False(_proof.OnRead("x"u8));
        Assert.False(_proof.IsDrained);

        var payload = Ask();
        _proof.OnRead(Pong(payload, 3));

        Assert.True(_proof.IsDrained);
    }

    [Fact]
    public async Task Hold_AnswersComeFast_WaitsForTheAnswer()
    {
        AskTwice(TimeSpan.FromMilliseconds(2), out var payload);

        var hold = _proof.HoldAsync();

        Assert.False(hold.IsCompleted);
        _proof.OnRead(Pong(payload, 4));
        Assert.True(_proof.IsDrained);
        await hold.WaitAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Hold_NoAnswer_EndsAndIsNotTriedAgainForAWhile()
    {
        AskTwice(TimeSpan.FromMilliseconds(2), out var payload);
        var hold = _proof.HoldAsync();

        _time.Advance(TimeSpan.FromMilliseconds(5));
        await hold;

        Assert.False(_proof.IsDrained);
        Assert.True(_proof.TryPipe());
        Assert.False(_proof.OnRead(Pong(payload, 4)));
        _time.Advance(TimeSpan.FromSeconds(1));
        Ask();
        Assert.True(_proof.HoldAsync().IsCompleted);
    }

    [Fact]
    public void Question_AnswersComeTooLateAgainAndAgain_IsAskedEverMoreRarely()
    {
        var payload = AskAfterWrite();
        foreach (var seconds in new[] { 1, 2, 4, 8, 10, 10 })
        {
            Assert.True(_proof.TryPipe());
            _time.Advance(TimeSpan.FromMilliseconds(80)); // too long for writing to wait
            Assert.False(_proof.OnRead(Pong(payload, 1)));
            _time.Advance(TimeSpan.FromSeconds(seconds) - TimeSpan.FromMilliseconds(1));
            Assert.False(_proof.TryMakeQuestion(new byte[PongSearch.PayloadBytes]));

            _time.Advance(TimeSpan.FromMilliseconds(1));
            payload = Ask();
            Assert.True(_proof.HoldAsync().IsCompleted);
        }

        _proof.OnRead(Pong(payload, 1));
        Assert.True(_proof.IsDrained);
        _proof.Refill();
        Ask(); // a new start
    }

    /// <summary>Asks, writes on, is answered after a while, and asks again.</summary>
    private void AskTwice(TimeSpan roundTrip, out byte[] payload)
    {
        payload = AskAfterWrite();
        Assert.True(_proof.HoldAsync().IsCompleted); // not before it is known how long answers take
        Assert.True(_proof.TryPipe());
        _time.Advance(roundTrip);
        Assert.True(_proof.OnRead(Pong(payload, 1)));
        payload = Ask();
    }

    private byte[] AskAfterWrite()
    {
        Assert.True(_proof.TryPipe());
        return Ask();
    }

    private byte[] Ask()
    {
        var payload = new byte[PongSearch.PayloadBytes];
        Assert.True(_proof.TryMakeQuestion(payload));
        Assert.True(_proof.TryPipe());
        _proof.OnQuestionWritten(isPiped: true);
        return payload;
    }

    private static byte[] Pong(byte[] payload, uint mask)
    {
        var pong = new byte[6 + payload.Length];
        (pong[0], pong[1]) = (0x8A, (byte)(0x80 | payload.Length));
        BinaryPrimitives.WriteUInt32LittleEndian(pong.AsSpan(2), mask);
        for (var i = 0; i < payload.Length; i++)
        {
            pong[6 + i] = (byte)(payload[i] ^ pong[2 + (i % 4)]);
        }

        return pong;
    }
}
