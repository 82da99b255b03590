using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

/// <summary>What the log in memory keeps to the entry and to the moment, where others may keep somewhat more.</summary>
public sealed class InMemoryHubLogTests
{
    private static readonly LogTarget s_group = LogTarget.Group("red");
    private static readonly LogRetention s_hour = Keep(TimeSpan.FromHours(1));

    private readonly FakeTimeProvider _time = new();
    private readonly InMemoryHubLog _log;

    public InMemoryHubLogTests() => _log = new("chat", _time);

    [Fact]
    public void Age_Reached_EntryGoesAtThatMoment()
    {
        Append(s_hour, s_group);
        _time.Advance(TimeSpan.FromMinutes(30));
        Append(s_hour, s_group);

        _time.Advance(TimeSpan.FromMinutes(30) - TimeSpan.FromTicks(1));
        Assert.Equal([1L, 2], Offsets(Read(s_hour, s_group)));
        _time.Advance(TimeSpan.FromTicks(1));
        var page = Read(s_hour, s_group);

        Assert.Equal([2L], Offsets(page));
        Assert.Equal(1, page.RemovedTo);
        Assert.Equal(1, Read(s_hour).RemovedTo);
    }

    [Fact]
    public void Age_ClockOfTheMachineIsSetBack_ChangesNothing()
    {
        var time = new SteppingTime();
        var log = new InMemoryHubLog("chat", time);
        log.Append(Entry(s_group), s_hour);
        time.Offset = TimeSpan.FromDays(-1);
        log.Append(Entry(s_group), s_hour);
        time.Offset = TimeSpan.FromDays(1);

        var page = log.Read(Query(log, s_hour, [s_group]), s_hour);

        Assert.Equal([1L, 2], Offsets(page));
        Assert.True(page.Entries[1].AppendedAt >= page.Entries[0].AppendedAt, "An entry is dated before the one that it follows.");
    }

    [Fact]
    public void Key_TimeReached_IsForgottenAtThatMomentHoweverOftenItWasRepeated()
    {
        var retention = Keep(TimeSpan.FromHours(1), idempotencyTime: TimeSpan.FromMinutes(10));
        Append(retention, "key", s_group);
        _time.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromTicks(1));
        Assert.True(Append(retention, "key", s_group).IsRepeat);

        _time.Advance(TimeSpan.FromTicks(1));
        var again = Append(retention, "key", s_group);

        Assert.False(again.IsRepeat);
        Assert.Equal(2, again.Position.Offset);
        _time.Advance(TimeSpan.FromMinutes(10) - TimeSpan.FromTicks(1));
        Assert.Equal(2, Append(retention, "key", s_group).Position.Offset);
    }

    [Fact]
    public void Entries_OneTooMany_TheOldestGoes()
    {
        var retention = Keep(TimeSpan.FromHours(1), maxEntries: 3);
        for (var i = 1; i <= 10; i++)
        {
            Append(retention, s_group);
            var page = Read(retention, s_group);
            Assert.Equal(Enumerable.Range(Math.Max(1, i - 2), Math.Min(i, 3)).Select(static offset => (long)offset), Offsets(page));
            Assert.Equal(Math.Max(0, i - 3), page.RemovedTo);
        }
    }

    [Fact]
    public void Bytes_TooMany_OldestGoAndTheLastStays()
    {
        var retention = Keep(TimeSpan.FromHours(1), maxBytes: 10);
        int[] sizes = [4, 6, 1, 10, 20, 3];
        var left = new List<int[]>();
        foreach (var size in sizes)
        {
            _log.Append(new() { Targets = [s_group], Payload = new byte[size] }, retention);
            left.Add([.. Read(retention, s_group).Entries.Select(static entry => entry.Payload.Length)]);
        }

        Assert.Equal([[4], [4, 6], [6, 1], [10], [20], [3]], left);
    }

    [Fact]
    public void Floor_TargetsGoneWhole_IsTheHighestOfThemAndHoldsForThoseThatComeBack()
    {
        Append(s_hour, LogTarget.User("a"));
        Append(s_hour, LogTarget.User("b"));
        _time.Advance(TimeSpan.FromMinutes(30));
        Append(s_hour, LogTarget.User("c"));
        Assert.Equal(0, Read(s_hour, LogTarget.User("a")).RemovedTo);

        _time.Advance(TimeSpan.FromMinutes(30));
        Assert.Equal((2, 2), (Read(s_hour, LogTarget.User("a")).RemovedTo, Read(s_hour, LogTarget.User("never")).RemovedTo));
        Assert.Equal(0, Read(s_hour, LogTarget.User("c")).RemovedTo);

        Append(s_hour, LogTarget.User("a"));
        var back = Read(s_hour, LogTarget.User("a"));
        Assert.Equal([4L], Offsets(back));
        Assert.Equal(2, back.RemovedTo);
    }

    [Fact]
    public void TargetsAndKeys_Gone_NothingIsHeldOfThem()
    {
        var gone = AppendToMany();
        _time.Advance(TimeSpan.FromHours(1));

        _log.End(s_hour);

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.Equal(0, gone.Count(static reference => reference.IsAlive));
        Assert.Equal(5_000, Read(s_hour, LogTarget.User("any")).RemovedTo);
    }

    [Fact]
    public void Payload_OfAnEntryThatAllTargetsRemoved_IsHeldNoMore()
    {
        var retention = Keep(TimeSpan.FromHours(1), maxEntries: 2);
        var gone = AppendLarge(retention);
        for (var i = 0; i < 3; i++)
        {
            Append(retention, s_group, LogTarget.All);
        }

        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
        Assert.False(gone.IsAlive);
    }

    private static LogRetention Keep(TimeSpan maxAge, int maxEntries = 10_000, long? maxBytes = null, TimeSpan? idempotencyTime = null) =>
        new() { MaxAge = maxAge, MaxEntriesPerTarget = maxEntries, MaxBytesPerTarget = maxBytes, IdempotencyTime = idempotencyTime ?? maxAge };

    private static LogAppend Entry(params LogTarget[] targets) => new() { Targets = targets, Payload = new byte[10] };

    private static LogQuery Query(InMemoryHubLog log, LogRetention retention, LogTarget[]? targets)
    {
        var end = log.End(retention);
        return new() { Targets = targets, Epoch = end.Epoch, After = 0, UpTo = end.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20 };
    }

    private static IEnumerable<long> Offsets(LogPage page) => page.Entries.Select(static entry => entry.Offset);

    private LogAppendResult Append(LogRetention retention, params LogTarget[] targets) => _log.Append(Entry(targets), retention);

    private LogAppendResult Append(LogRetention retention, string key, params LogTarget[] targets) =>
        _log.Append(new() { Targets = targets, Payload = new byte[10], IdempotencyKey = key }, retention);

    private LogPage Read(LogRetention retention, params LogTarget[] targets) =>
        _log.Read(Query(_log, retention, targets is [] ? null : targets), retention);

    // What these two use lives in them alone, so that afterwards only the log can hold it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference[] AppendToMany()
    {
        var names = Enumerable.Range(0, 5_000).Select(static i => $"user{i}").ToArray();
        foreach (var name in names)
        {
            Append(s_hour, name, LogTarget.User(name), LogTarget.Group(name));
        }

        return [.. names.Select(static name => new WeakReference(name))];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private WeakReference AppendLarge(LogRetention retention)
    {
        _log.Append(new() { Targets = [s_group, LogTarget.All], Payload = new byte[1_000] }, retention);
        Assert.True(MemoryMarshal.TryGetArray(Read(retention, s_group).Entries[0].Payload, out var array));
        return new(array.Array);
    }

    /// <summary>A clock that is set while the time goes on.</summary>
    private sealed class SteppingTime : TimeProvider
    {
        public TimeSpan Offset { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Offset;
    }
}
