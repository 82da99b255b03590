namespace DistributedSockets.Tests;

public sealed class LogQueryTests
{
    private static readonly LogTarget[] s_some = [LogTarget.All];

    [Fact]
    public void Bounds_JustInside_AreTaken()
    {
        var smallest = new LogQuery { Targets = s_some, Epoch = 0, After = 0, UpTo = 0, MaxEntries = 1, MaxBytes = 1 };
        var largest = new LogQuery
        {
            Targets = Targets(LogQuery.MaxTargets), Epoch = long.MaxValue, After = long.MaxValue, UpTo = long.MaxValue, MaxEntries = LogQuery.MaxPageEntries, MaxBytes = int.MaxValue,
        };

        Assert.Single(smallest.Targets!);
        Assert.Equal(LogQuery.MaxTargets, largest.Targets!.Count);
        Assert.Null((smallest with { Targets = null }).Targets);
    }

    [Fact]
    public void Bounds_JustOutside_AreRefused()
    {
        var query = new LogQuery { Targets = s_some, Epoch = 1, After = 0, UpTo = 0, MaxEntries = 1, MaxBytes = 1 };

        Assert.Throws<ArgumentOutOfRangeException>(() => query with { Targets = [] });
        Assert.Throws<ArgumentOutOfRangeException>(() => query with { Targets = Targets(LogQuery.MaxTargets + 1) });
        Assert.Throws<ArgumentOutOfRangeException>(() => query with { After = -1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => query with { MaxEntries = 0 });
        Assert.Throws<ArgumentOutOfRangeException>(() => query with { MaxEntries = LogQuery.MaxPageEntries + 1 });
        Assert.Throws<ArgumentOutOfRangeException>(() => query with { MaxBytes = 0 });
    }

    [Fact]
    public void Append_NoTargetsOrTooMany_IsRefused()
    {
        Assert.Equal(LogQuery.MaxTargets, new LogAppend { Targets = Targets(LogQuery.MaxTargets), Payload = default }.Targets.Count);
        Assert.Throws<ArgumentOutOfRangeException>(() => new LogAppend { Targets = [], Payload = default });
        Assert.Throws<ArgumentOutOfRangeException>(() => new LogAppend { Targets = Targets(LogQuery.MaxTargets + 1), Payload = default });
    }

    [Fact]
    public void Position_Negative_IsRefused()
    {
        Assert.Equal(default, new LogPosition(0, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LogPosition(-1, 0));
        Assert.Throws<ArgumentOutOfRangeException>(() => new LogPosition(0, -1));
    }

    [Fact]
    public void Target_SameNameOfAnotherKindOrCase_IsAnother()
    {
        LogTarget[] targets = [LogTarget.All, LogTarget.User("a"), LogTarget.Group("a"), LogTarget.Connection("a"), LogTarget.User("A"), LogTarget.User("all")];

        Assert.Equal(targets.Length, targets.Distinct().Count());
        Assert.Equal(targets.Length, targets.Select(static target => target.ToString()).Distinct().Count());
        Assert.Equal(LogTarget.User("a"), LogTarget.User(new string(['a'])));
        Assert.Throws<ArgumentException>(() => LogTarget.Group(""));
    }

    private static LogTarget[] Targets(int count) => [.. Enumerable.Range(0, count).Select(static i => LogTarget.User($"{i}"))];
}
