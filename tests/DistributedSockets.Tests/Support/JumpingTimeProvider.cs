using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>A fake clock that can be set: what is measured goes on as before, what is told jumps.</summary>
internal sealed class JumpingTimeProvider : FakeTimeProvider
{
    private TimeSpan _offset;

    public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + _offset;

    public override long GetTimestamp() => base.GetUtcNow().UtcTicks; // the base class takes what it tells, and a frequency of ticks

    public void Jump(TimeSpan by) => _offset += by;
}
