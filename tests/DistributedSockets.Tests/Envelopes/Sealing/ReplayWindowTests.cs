namespace DistributedSockets.Tests;

public sealed class ReplayWindowTests
{
    [Fact]
    public void Window_FirstCounter_IsSeenAndItsNeighboursAreNot()
    {
        var window = new ReplayWindow(1_000);

        Assert.Equal(1_000, window.Newest);
        Assert.True(window.Contains(1_000));
        Assert.False(window.Contains(999));
        Assert.False(window.Contains(1_001));
    }

    [Theory]
    [InlineData(1L)]
    [InlineData(63L)]
    [InlineData(64L)]
    [InlineData(1_000_000L)]
    [InlineData(long.MaxValue - 200_000)]
    public void Window_CounterAtItsEnd_IsInsideAndOneMoreIsBehind(long first)
    {
        var window = new ReplayWindow(first);
        window.Add(first + ReplayWindow.Size - 1);

        Assert.False(window.IsBehind(first));
        Assert.True(window.Contains(first));

        window.Add(first + ReplayWindow.Size);

        Assert.True(window.IsBehind(first));
        Assert.False(window.IsBehind(first + 1));
        Assert.False(window.Contains(first + 1));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(64)]
    [InlineData(65)]
    [InlineData(ReplayWindow.Size - 1)]
    [InlineData(ReplayWindow.Size)]
    [InlineData(ReplayWindow.Size + 64)]
    [InlineData(10 * ReplayWindow.Size)]
    public void Window_AfterAJump_RemembersNothingButWhatWasAdded(int jump)
    {
        var window = new ReplayWindow(5);
        for (var counter = 6; counter <= 2 * ReplayWindow.Size; counter++)
        {
            window.Add(counter);
        }

        var newest = (2 * ReplayWindow.Size) + jump;
        window.Add(newest);

        for (var counter = newest - ReplayWindow.Size + 1; counter < newest; counter++)
        {
            Assert.False(window.IsBehind(counter));
            Assert.Equal(counter <= 2 * ReplayWindow.Size, window.Contains(counter));
        }
    }

    [Fact]
    public void Window_ManyAtRandom_AgreesWithASet()
    {
        var random = new Random(4);
        var window = new ReplayWindow(1);
        var seen = new HashSet<long> { 1 };
        for (var i = 0; i < 200_000; i++)
        {
            // Mostly close to the newest, sometimes far ahead or behind.
            var counter = Math.Max(1, window.Newest + random.Next(random.Next(10) == 0 ? -70_000 : -200, random.Next(100) == 0 ? 5_000 : 100));
            if (window.IsBehind(counter))
            {
                Assert.True(window.Newest - counter >= ReplayWindow.Size);
                continue;
            }

            Assert.True(seen.Contains(counter) == window.Contains(counter), $"Counter {counter} with newest {window.Newest}.");
            window.Add(counter);
            seen.Add(counter);
        }
    }
}
