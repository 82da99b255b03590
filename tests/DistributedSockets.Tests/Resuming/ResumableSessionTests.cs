namespace DistributedSockets.Tests;

/// <summary>What a session knows of itself.</summary>
public sealed class ResumableSessionTests
{
    private readonly ResumableSession _session = new(
        SessionId.Create(),
        new() { Owner = "node", Position = new(1, 90), Number = 3, TokenDigest = SessionId.DigestOf(SessionId.CreateToken()) },
        version: 1,
        new());

    [Fact]
    public void Gap_ToldBySeveralNodes_IsNewsOnce()
    {
        // A log that had given out up to 107 has lost what stood behind 100, and goes on at 1,000. Each node tells of as much as it had.
        Assert.True(_session.TryTellGap(105, offset: 1_001));
        Assert.False(_session.TryTellGap(107, offset: 1_002));
        Assert.False(_session.TryTellGap(104, offset: 1_010));

        Assert.True(_session.TryTellGap(1_300, offset: 9_000)); // another loss
    }
}
