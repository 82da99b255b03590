using System.Buffers.Binary;

namespace DistributedSockets.Tests;

public sealed class SessionCheckpointFormatTests
{
    private static readonly SessionCheckpoint s_full = new()
    {
        Owner = "node-abc",
        Position = new(1_796_000_000_000, long.MaxValue),
        Number = 17,
        TokenDigest = Enumerable.Range(0, SessionCheckpoint.DigestBytes).Select(static i => (byte)i).ToArray(),
        UserId = "ärger",
        ConnectedAt = new(2026, 11, 30, 12, 0, 0, TimeSpan.Zero),
        Groups = ["red", "größe", ""],
        Properties = new Dictionary<string, string> { ["name"] = "Ann", ["empty"] = "" },
        HandledIds = ["1", "2", "3"],
        NotUnderstoodAt = 4_711,
    };

    [Fact]
    public void Write_Full_IsReadAsItWas()
    {
        var written = SessionCheckpointFormat.Write(s_full);

        Assert.True(SessionCheckpointFormat.TryRead(written, out var read));
        AssertSame(s_full, read);
        Assert.Equal(written, SessionCheckpointFormat.Write(read));
    }

    [Fact]
    public void Write_Least_IsReadAsItWas()
    {
        var least = new SessionCheckpoint { Owner = "n", Position = default, Number = 0, TokenDigest = new byte[SessionCheckpoint.DigestBytes] };

        Assert.True(SessionCheckpointFormat.TryRead(SessionCheckpointFormat.Write(least), out var read));
        AssertSame(least, read);
        Assert.Null(read.UserId);
    }

    [Fact]
    public void Write_AnySession_IsReadAsItWas()
    {
        var random = new Random(20);
        for (var i = 0; i < 500; i++)
        {
            var offset = random.NextInt64(long.MaxValue);
            var any = new SessionCheckpoint
            {
                Owner = Text(1),
                Position = new(random.NextInt64(), offset),
                Number = random.NextInt64(offset),
                TokenDigest = Enumerable.Range(0, SessionCheckpoint.DigestBytes).Select(_ => (byte)random.Next(256)).ToArray(),
                UserId = random.Next(2) == 0 ? null : Text(1),
                ConnectedAt = new(random.NextInt64(DateTimeOffset.MaxValue.Ticks), TimeSpan.Zero),
                Groups = Texts(),
                Properties = Texts().Distinct().ToDictionary(static name => name, _ => Text(0)),
                HandledIds = Texts(),
            };

            Assert.True(SessionCheckpointFormat.TryRead(SessionCheckpointFormat.Write(any), out var read, out var problem), $"{i}: {problem}");
            AssertSame(any, read);
        }

        string Text(int least) => string.Concat(Enumerable.Range(0, random.Next(least, 40)).Select(_ => "aZ09-_ äß漢"[random.Next(10)]));

        string[] Texts() => [.. Enumerable.Range(0, random.Next(5)).Select(_ => Text(0))];
    }

    [Fact]
    public void Read_MoreBehindIt_IsPassedOver()
    {
        byte[] longer = [.. SessionCheckpointFormat.Write(s_full), 1, 2, 3];
        BinaryPrimitives.WriteUInt32LittleEndian(longer.AsSpan(1), Crc32C(longer.AsSpan(5)));

        Assert.True(SessionCheckpointFormat.TryRead(longer, out var read));
        AssertSame(s_full, read);
    }

    [Fact]
    public void Read_CutAnywhere_IsRefusedWithAReason()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        for (var length = 0; length < written.Length; length++)
        {
            Assert.False(SessionCheckpointFormat.TryRead(written.AsMemory(0, length), out _, out var problem), $"{length} bytes were taken.");
            Assert.Contains(length < 5 ? "too short" : "checksum", problem);

            // Also if whoever cut it has mended the checksum.
            if (length >= 5)
            {
                var cut = written[..length];
                BinaryPrimitives.WriteUInt32LittleEndian(cut.AsSpan(1), Crc32C(cut.AsSpan(5)));
                Assert.False(SessionCheckpointFormat.TryRead(cut, out _, out problem), $"{length} bytes were taken.");
                Assert.Contains("makes no sense", problem);
            }
        }
    }

    [Fact]
    public void Read_AnyByteChanged_IsRefusedWithAReason()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        for (var i = 0; i < written.Length; i++)
        {
            for (var change = 1; change < 256; change++)
            {
                written[i] ^= (byte)change;
                Assert.False(SessionCheckpointFormat.TryRead(written, out _, out var problem), $"Byte {i} was changed by {change}.");
                Assert.Contains(i == 0 ? "version" : "checksum", problem);
                written[i] ^= (byte)change;
            }
        }
    }

    [Fact]
    public void Read_AnyByteChangedAndTheChecksumMended_NeverThrows()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        for (var i = 5; i < written.Length; i++)
        {
            foreach (var value in (byte[])[0, 0x7F, 0x80, 0xFF])
            {
                var changed = (byte[])written.Clone();
                changed[i] = value;
                BinaryPrimitives.WriteUInt32LittleEndian(changed.AsSpan(1), Crc32C(changed.AsSpan(5)));
                Assert.Equal(SessionCheckpointFormat.TryRead(changed, out var read, out var problem), read is not null && problem is null);
            }
        }
    }

    [Fact]
    public void Read_OfALaterVersion_SaysWhichAndWhatToDo()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        written[0] = 2;

        Assert.False(SessionCheckpointFormat.TryRead(written, out _, out var problem));
        Assert.Equal("It is of version 2, and this node knows version 1. Deploy the version of the other nodes here, too.", problem);
    }

    [Fact]
    public void HandledMessages_BeyondCapacity_ForgetTheOldest()
    {
        var handled = new HandledMessages(["a", "b"]);
        handled.Add("b");
        for (var i = 0; i < HandledMessages.Capacity - 1; i++)
        {
            handled.Add($"{i}");
        }

        Assert.False(handled.Contains("a"));
        Assert.True(handled.Contains("b"));
        Assert.Equal(HandledMessages.Capacity, handled.OldestFirst.Count);
        Assert.Equal("b", handled.OldestFirst.First());
    }

    /// <summary>CRC-32C as it is defined, bit by bit.</summary>
    private static uint Crc32C(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        foreach (var value in bytes)
        {
            crc ^= value;
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0x82F63B78;
            }
        }

        return ~crc;
    }

    private static void AssertSame(SessionCheckpoint expected, SessionCheckpoint actual)
    {
        Assert.Equal((expected.Owner, expected.Position, expected.Number, expected.UserId, expected.ConnectedAt), (actual.Owner, actual.Position, actual.Number, actual.UserId, actual.ConnectedAt));
        Assert.Equal(expected.TokenDigest.ToArray(), actual.TokenDigest.ToArray());
        Assert.Equal(expected.Groups, actual.Groups);
        Assert.Equal(expected.Properties, actual.Properties);
        Assert.Equal(expected.HandledIds, actual.HandledIds);
        Assert.Equal(expected.NotUnderstoodAt, actual.NotUnderstoodAt);
    }
}
