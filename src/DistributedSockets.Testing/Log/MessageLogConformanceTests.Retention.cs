namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task Retention_Entries_OldestOfTheTargetGoAndAreTold()
    {
        const int kept = 10;
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        var hub = NewHub("short", maxEntries: kept);
        var quiet = LogTarget.User("quiet");
        var first = await appender.AppendAsync(hub, quiet, "quiet");
        var all = new List<LogPosition>();
        for (var i = 0; i < kept; i++)
        {
            all.Add((await appender.AppendAsync(hub, s_group, $"{i}")).Position);
        }

        Assert.Equal(kept, (await other.ReadAllAsync(hub, [s_group])).Count);
        var page = await UntilRemovedAsync(appender, other, hub, s_group, all, all[0]);

        // What must be there is; something more may be.
        Assert.InRange(page.Entries.Count, kept, all.Count - 1);
        Assert.Equal(all.TakeLast(page.Entries.Count).Select(static position => position.Offset), page.Entries.Select(static entry => entry.Offset));
        var removed = all.SkipLast(page.Entries.Count).Last().Offset;
        Assert.InRange(page.RemovedTo, removed, page.Entries[0].Offset - 1);

        // The other target has lost nothing.
        var untouched = await other.ReadPageAsync(hub, Query([quiet], all[^1]));
        Assert.Equal([first.Position.Offset], untouched.Entries.Select(static entry => entry.Offset));
        Assert.InRange(untouched.RemovedTo, 0, first.Position.Offset - 1);
        var both = await other.ReadPageAsync(hub, Query([quiet, s_group], all[^1]));
        Assert.Equal("quiet", Texts(both.Entries)[0]);
        Assert.InRange(both.RemovedTo, removed, both.Entries[1].Offset - 1);
    }

    [Fact]
    public async Task Retention_Bytes_OldestOfTheTargetGoAndAreTold()
    {
        const int size = 1_000;
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        if (!appender.Log.LimitsBytes)
        {
            return; // such a log is refused a limit at start-up
        }

        var hub = NewHub("small", maxBytes: 10 * size);
        var all = new List<LogPosition>();
        for (var i = 0; i < 500; i++)
        {
            all.Add((await appender.AppendAsync(hub, new LogAppend { Targets = [s_group], Payload = new byte[size] })).Position);
        }

        var page = await other.ReadPageAsync(hub, Query([s_group], all[^1]));
        Assert.InRange(page.Entries.Count, 10, all.Count - 1);
        Assert.Equal(all.TakeLast(page.Entries.Count).Select(static position => position.Offset), page.Entries.Select(static entry => entry.Offset));
        Assert.InRange(page.RemovedTo, all.SkipLast(page.Entries.Count).Last().Offset, page.Entries[0].Offset - 1);

        // One that is larger than all that is allowed stays until the next one comes.
        var large = await appender.AppendAsync(hub, new LogAppend { Targets = [s_group], Payload = new byte[20 * size] });
        page = await other.ReadPageAsync(hub, Query([s_group], large.Position));
        Assert.Equal(20 * size, page.Entries[^1].Payload.Length);
        Assert.InRange(page.RemovedTo, 1, large.Position.Offset - 1);
    }

    [Fact]
    public async Task Retention_Age_OldEntriesGoAndAreTold()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        var (brief, lasting) = (NewHub("brief", maxAge: ShortAge), NewHub("lasting"));
        var old = (await appender.AppendAsync(brief, s_group, "old")).Position;
        var kept = (await appender.AppendAsync(lasting, s_group, "kept")).Position;
        await PassAsync(ShortAge);

        var page = await UntilRemovedAsync(appender, other, brief, s_group, [], old);

        Assert.DoesNotContain(page.Entries, entry => entry.Offset == old.Offset);
        Assert.InRange(page.RemovedTo, old.Offset, page.Entries is [{ Offset: var first }, ..] ? first - 1 : page.End.Offset);
        var untouched = await other.ReadPageAsync(lasting, Query([s_group], kept));
        Assert.Equal(["kept"], Texts(untouched.Entries));
        Assert.Equal(0, untouched.RemovedTo);
    }

    [Fact]
    public async Task Retention_TargetGoneWhole_IsToldFromOneThatGotNothing()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        var hub = NewHub("brief", maxAge: ShortAge);
        var (gone, never, later) = (LogTarget.User("gone"), LogTarget.User("never"), LogTarget.User("later"));
        var last = (await appender.AppendAsync(hub, gone, "old")).Position;

        // Nobody appends to it any more, and its end is long past.
        var page = await UntilRemovedAsync(appender, other, hub, gone, [], last, refresh: s_group);
        Assert.Empty(page.Entries);
        Assert.InRange(page.RemovedTo, last.Offset, page.End.Offset);

        // Of one that got nothing the log may say the same, but tells nothing of what is left in the hub.
        var appended = (await appender.AppendAsync(hub, later, "young")).Position;
        var untouched = await other.ReadPageAsync(hub, Query([never], appended));
        var young = await other.ReadPageAsync(hub, Query([later], appended));
        var highest = young.Entries is [] ? young.End.Offset : appended.Offset - 1; // on a slow machine it may be gone, too
        Assert.Empty(untouched.Entries);
        Assert.InRange(untouched.RemovedTo, 0, highest);
        Assert.InRange(young.RemovedTo, 0, highest);

        // One that comes back after it was forgotten has its gap still.
        var back = (await appender.AppendAsync(hub, gone, "back")).Position;
        page = await other.ReadPageAsync(hub, Query([gone], back));
        Assert.InRange(page.RemovedTo, last.Offset, page.Entries is [] ? page.End.Offset : back.Offset - 1);
    }

    [Fact]
    public async Task Retention_EntryOfSeveralTargets_StaysForEachUntilThatRemovesIt()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        var hub = NewHub("short", maxEntries: 5);
        var quiet = LogTarget.User("quiet");
        var shared = (await appender.AppendAsync(hub, [s_group, quiet], "shared")).Position;

        var page = await UntilRemovedAsync(appender, other, hub, s_group, [], shared);

        var end = page.End;
        Assert.DoesNotContain("shared", Texts(page.Entries));
        Assert.Equal(["shared"], Texts((await other.ReadPageAsync(hub, Query([quiet], end))).Entries));
        var both = await other.ReadPageAsync(hub, Query([s_group, quiet], end));
        Assert.Equal("shared", Texts(both.Entries)[0]);
        Assert.InRange(both.RemovedTo, shared.Offset, both.End.Offset);
        Assert.Equal("shared", Texts((await other.ReadPageAsync(hub, Query(null, end))).Entries)[0]);
    }

    [Fact]
    public async Task Retention_ReadWhileOldestGo_NothingIsMissedUntold()
    {
        var (appender, reader) = (await StartNodeAsync(), await StartNodeAsync());
        var hub = NewHub("short", maxEntries: 20);
        await using var flow = AppendingFlow.Start(appender, hub, [s_group]);

        var sawGap = false;
        for (var round = 0; round < 2_000 && !(sawGap && round >= 50); round++)
        {
            await flow.WaitForMoreAsync(1);
            var end = await reader.GetEndAsync(hub);
            var after = Math.Max(0, end.Offset - 30);
            foreach (var page in await reader.ReadPagesAsync(hub, [s_group], after, end, maxEntries: 7, fromEnd: round % 2 == 1))
            {
                // All that was appended went to this target, so all offsets that were not removed are there.
                var from = Math.Max(page.ReadAfter, page.RemovedTo);
                sawGap |= from > page.ReadAfter;
                var expected = Enumerable.Range(0, (int)Math.Max(0, page.ReadTo - from)).Select(i => from + 1 + i);
                Assert.Equal(expected, page.Entries.Select(static entry => entry.Offset).Where(offset => offset > from));
            }
        }

        Assert.True(sawGap, "Nothing was removed.");
    }

    /// <summary>Appends until a target has lost an entry, and returns what it has left then.</summary>
    /// <param name="appender">The node that appends.</param>
    /// <param name="reader">The node that reads.</param>
    /// <param name="hub">The hub.</param>
    /// <param name="target">The target.</param>
    /// <param name="appended">Takes what was appended.</param>
    /// <param name="position">Where the entry stands.</param>
    /// <param name="refresh">The target that gets what is appended; the same unless given.</param>
    private async Task<LogPage> UntilRemovedAsync(
        MessageLogNode appender, MessageLogNode reader, LogHub hub, LogTarget target, List<LogPosition> appended, LogPosition position, LogTarget? refresh = null)
    {
        LogPage? page = null;
        await Eventually.TrueAsync(
            async () =>
            {
                for (var i = 0; i < 10; i++)
                {
                    appended.Add((await appender.AppendAsync(hub, refresh ?? target, "more")).Position);
                }

                page = await reader.ReadPageAsync(hub, Query([target], appended[^1]) with { MaxEntries = LogQuery.MaxPageEntries });
                if (page.RemovedTo >= position.Offset)
                {
                    return true;
                }

                Assert.True(
                    page.ReadTo < position.Offset || page.Entries.Any(entry => entry.Offset == position.Offset), $"{position} is missing, and the log does not say that it was removed.");
                await PassAsync(ShortAge / 10);
                return false;
            },
            $"{position} is removed");
        return page!; // it holds now
    }
}
