using System.Buffers;

namespace DistributedSockets.Tests;

/// <summary>The buffer that a thread joins frames in.</summary>
public sealed class JoinBufferTests
{
    [Fact]
    public void Take_WhileTheThreadHasOneInUse_GivesAnotherThatLeavesItsBytesAlone()
    {
        using var outer = JoinBuffer.Take();
        outer.Write("outer"u8);
        using (var inner = JoinBuffer.Take())
        {
            inner.Write("a write that begins within a write"u8);
        }

        Assert.Equal("outer"u8, outer.Written);
    }

    [Fact]
    public void Take_AfterUse_GivesAnEmptyOne()
    {
        using (var used = JoinBuffer.Take())
        {
            used.Write("used"u8);
        }

        using var next = JoinBuffer.Take();

        Assert.True(next.Written.IsEmpty);
        Assert.Equal(OutboundQueue.JoinBytes, next.GetSpan().Length);
    }
}
