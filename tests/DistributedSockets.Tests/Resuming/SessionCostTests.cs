namespace DistributedSockets.Tests.Resuming;

/// <summary>What a session that does nothing holds, besides its connection: there may be very many.</summary>
public sealed class SessionCostTests
{
    [Fact]
    public void Create_InOneGroupWithNothingHandled_TakesLessThanAKilobyte()
    {
        var options = new HubOptions();
        _ = Create(options); // what the first one brings about belongs to none
        var before = GC.GetAllocatedBytesForCurrentThread();

        var session = Create(options);

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 1, 1_024);
        Assert.True(session.IsIn("red", 7));
    }

    [Fact]
    public async Task BeginWriting_WhileAnotherWrites_WaitsForItsEnd()
    {
        var session = Create(new());
        await session.BeginWritingAsync(TestContext.Current.CancellationToken);
        var second = session.BeginWritingAsync(TestContext.Current.CancellationToken).AsTask();
        var third = session.BeginWritingAsync(TestContext.Current.CancellationToken).AsTask();
        Assert.False(second.IsCompleted || third.IsCompleted);

        session.EndWriting();
        var next = await Task.WhenAny(second, third);
        Assert.True(session.IsWriting);
        Assert.NotEqual(second.IsCompleted, third.IsCompleted); // one at a time

        session.EndWriting();
        await (next == second ? third : second);
        session.EndWriting();
        Assert.False(session.IsWriting);
    }

    private static ResumableSession Create(HubOptions options) =>
        new("session", new() { Owner = "n1", Position = new(1, 7), Number = 3, TokenDigest = new byte[SessionCheckpoint.DigestBytes], Groups = ["red"] }, version: 1, options);
}
