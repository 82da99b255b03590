using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class PaceTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public void Take_ASecondsWorthAtOnce_NeedsNoWaitAndTheNextDoes()
    {
        var pace = new Pace(10);

        for (var i = 0; i < 10; i++)
        {
            Assert.True(Take(ref pace) <= TimeSpan.Zero);
        }

        Assert.Equal(TimeSpan.FromMilliseconds(100), Take(ref pace));
        Assert.Equal(TimeSpan.FromMilliseconds(200), Take(ref pace));
    }

    [Fact]
    public void Take_AfterSilence_AllowsNoMoreThanASecondsWorth()
    {
        var pace = new Pace(2);
        _time.Advance(TimeSpan.FromHours(1));

        Assert.True(Take(ref pace) <= TimeSpan.Zero);
        Assert.True(Take(ref pace) <= TimeSpan.Zero);
        Assert.Equal(TimeSpan.FromMilliseconds(500), Take(ref pace));
        _time.Advance(TimeSpan.FromSeconds(1));
        Assert.True(Take(ref pace) <= TimeSpan.Zero);
    }

    [Fact]
    public void Take_MoreThanASecondsWorth_WaitsForTheRest()
    {
        var pace = new Pace(1_000);

        Assert.Equal(TimeSpan.FromSeconds(4), pace.Take(5_000, _time, _time.GetTimestamp()));
    }

    private TimeSpan Take(ref Pace pace) => pace.Take(1, _time, _time.GetTimestamp());
}
