namespace DistributedSockets.TestNode;

/// <summary>The system's clock, which a test can set: what is measured goes on as before, what is told jumps.</summary>
internal sealed class JumpingClock : TimeProvider
{
    private long _offsetTicks;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddTicks(Volatile.Read(ref _offsetTicks));

    /// <summary>Sets the clock off the true time.</summary>
    public void Jump(TimeSpan offset) => Volatile.Write(ref _offsetTicks, offset.Ticks);
}
