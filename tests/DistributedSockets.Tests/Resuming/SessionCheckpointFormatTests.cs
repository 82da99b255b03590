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
    public void Read_MoreBehindIt_IsPassedOver()
    {
        Assert.True(SessionCheckpointFormat.TryRead((byte[])[.. SessionCheckpointFormat.Write(s_full), 1, 2, 3], out var read));
        AssertSame(s_full, read);
    }

    [Fact]
    public void Read_CutAnywhereOrOfAnotherVersion_IsRefused()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        for (var length = 0; length < written.Length; length++)
        {
            Assert.False(SessionCheckpointFormat.TryRead(written.AsMemory(0, length), out _), $"{length} bytes were taken.");
        }

        written[0]++;
        Assert.False(SessionCheckpointFormat.TryRead(written, out _));
    }

    [Fact]
    public void Read_AnyByteChanged_NeverThrows()
    {
        var written = SessionCheckpointFormat.Write(s_full);
        for (var i = 0; i < written.Length; i++)
        {
            foreach (var value in (byte[])[0, 0x7F, 0x80, 0xFF])
            {
                var changed = (byte[])written.Clone();
                changed[i] = value;
                SessionCheckpointFormat.TryRead(changed, out _);
            }
        }
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
