namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task Read_AnyTargets_AreMergedInOrderAndEachEntryComesOnce()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        var random = new Random(1);
        LogTarget[] targets = [LogTarget.All, LogTarget.User("a"), LogTarget.Group("a"), LogTarget.Group("b"), LogTarget.Connection("a")];
        var appended = new List<(long Offset, LogTarget[] Targets)>();
        for (var i = 0; i < 150; i++)
        {
            var own = targets.Where(_ => random.Next(3) == 0).DefaultIfEmpty(targets[i % targets.Length]).ToArray();
            appended.Add(((await appender.AppendAsync(Hub, own, $"{i}")).Position.Offset, own));
        }

        for (var choice = 1; choice < 1 << targets.Length; choice++)
        {
            var chosen = targets.Where((_, index) => (choice & (1 << index)) != 0).ToArray();
            var expected = appended.Where(entry => entry.Targets.Intersect(chosen).Any()).Select(static entry => entry.Offset);
            Assert.Equal(expected, (await other.ReadAllAsync(Hub, chosen)).Select(static entry => entry.Offset));
        }

        Assert.Equal(appended.Select(static entry => entry.Offset), (await other.ReadAllAsync(Hub, targets: null)).Select(static entry => entry.Offset));
    }

    [Fact]
    public async Task Read_AtAnotherNode_HasEveryAnsweredAppendAtOnce()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        for (var i = 0; i < 50; i++)
        {
            var position = (await appender.AppendAsync(Hub, s_group, $"{i}")).Position;

            var page = await other.ReadPageAsync(Hub, Query([s_group], position, after: position.Offset - 1));

            Assert.True(page.IsKnown);
            Assert.Equal([$"{i}"], Texts(page.Entries));
            Assert.Equal(position, page.End);
        }
    }

    [Fact]
    public async Task Read_Stretch_ExcludesItsBeginningAndIncludesItsEnd()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 10);

        Assert.Equal(["4", "5", "6"], Texts((await node.ReadPagesAsync(Hub, [s_group], after: 3, new(end.Epoch, 6))).SelectMany(static page => page.Entries)));
        Assert.Equal(["10"], Texts((await node.ReadPagesAsync(Hub, targets: null, after: 9, end)).SelectMany(static page => page.Entries)));
        Assert.Equal(["1"], Texts((await node.ReadPagesAsync(Hub, [s_group], after: 0, new(end.Epoch, 1))).SelectMany(static page => page.Entries)));
    }

    [Fact]
    public async Task Read_EmptyStretch_IsKnownAndEmpty()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 3);

        foreach (var offset in new[] { 0L, 2L, 3L })
        {
            foreach (var fromEnd in new[] { false, true })
            {
                var page = await node.ReadPageAsync(Hub, Query([s_group], new(end.Epoch, offset), after: offset) with { FromEnd = fromEnd });
                Assert.True(page.IsKnown);
                Assert.Empty(page.Entries);
                Assert.Equal((offset, offset), (page.ReadAfter, page.ReadTo));
                Assert.Equal(0, page.RemovedTo);
            }
        }
    }

    [Fact]
    public async Task Read_HubWithoutEntries_IsKnownAndEmpty()
    {
        var node = await StartNodeAsync();
        var end = await node.GetEndAsync(Hub);

        var page = await node.ReadPageAsync(Hub, Query(null, end));

        Assert.True(page.IsKnown);
        Assert.Empty(page.Entries);
        Assert.Equal((0, 0, 0), (page.ReadAfter, page.ReadTo, page.RemovedTo));
    }

    [Fact]
    public async Task Read_TargetOfNothing_HasNoGap()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 5);

        foreach (var fromEnd in new[] { false, true })
        {
            var pages = await node.ReadPagesAsync(Hub, [LogTarget.User("nobody")], after: 0, end, fromEnd: fromEnd);
            Assert.All(pages, static page => Assert.Empty(page.Entries));
            Assert.All(pages, static page => Assert.Equal(0, page.RemovedTo));
        }
    }

    [Fact]
    public async Task Read_EndFixedBeforehand_IsCompleteHoweverMuchIsAppendedMeanwhile()
    {
        var (appender, reader) = (await StartNodeAsync(), await StartNodeAsync());
        LogTarget[] targets = [s_group, LogTarget.User("alice"), LogTarget.All];
        await using var flow = AppendingFlow.Start(appender, Hub, targets);

        for (var round = 0; round < 5; round++)
        {
            await flow.WaitForMoreAsync(30);
            var end = await reader.GetEndAsync(Hub);
            await flow.WaitForMoreAsync(3);
            var pages = await reader.ReadPagesAsync(Hub, round % 2 == 0 ? targets : null, after: 0, end, maxEntries: 20);
            Assert.Equal(Enumerable.Range(1, (int)end.Offset).Select(static i => $"{i}"), Texts(pages.SelectMany(static page => page.Entries)));
            Assert.Equal(end.Offset, pages[^1].ReadTo);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_FewEntriesAtOnce_GoesOnToTheOtherEnd(bool fromEnd)
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 25, LogTarget.All);

        foreach (var targets in new[] { [s_group], [s_group, LogTarget.All], (LogTarget[]?)null })
        {
            var pages = await node.ReadPagesAsync(Hub, targets, after: 2, end, maxEntries: 4, fromEnd: fromEnd);

            Assert.InRange(pages.Count, 3, 25);
            AssertStretchesMeet(pages, after: 2, end.Offset, fromEnd);
            var expected = await node.ReadAllAsync(Hub, targets, after: 2);
            AssertSame(expected, [.. pages.SelectMany(static page => page.Entries).OrderBy(static entry => entry.Offset)]);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Read_FewBytesAtOnce_GoesOnToTheOtherEnd(bool fromEnd)
    {
        var node = await StartNodeAsync();
        int[] sizes = [400, 400, 400, 5_000, 100, 100, 1_000, 1, 999, 1_001, 0];
        var results = new List<LogAppendResult>();
        foreach (var size in sizes)
        {
            results.Add(await node.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = new byte[size] }));
        }

        foreach (var targets in new[] { [s_group], (LogTarget[]?)null })
        {
            var pages = await node.ReadPagesAsync(Hub, targets, after: 0, results[^1].Position, maxBytes: 1_000, fromEnd: fromEnd);

            AssertStretchesMeet(pages, after: 0, results[^1].Position.Offset, fromEnd);
            Assert.Equal(sizes, pages.SelectMany(static page => page.Entries).OrderBy(static entry => entry.Offset).Select(static entry => entry.Payload.Length));
        }
    }

    [Fact]
    public async Task Read_FromEnd_LastOnesComeInOrder()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 20, LogTarget.All);
        LogTarget[] targets = [s_group];

        var page = await node.ReadPageAsync(Hub, Query(targets, end) with { MaxEntries = 3, FromEnd = true });
        var before = await node.ReadPageAsync(Hub, Query(targets, new(end.Epoch, page.ReadAfter)) with { MaxEntries = 3, FromEnd = true });

        var all = await node.ReadAllAsync(Hub, targets);
        Assert.NotEmpty(page.Entries);
        AssertSame([.. all.TakeLast(page.Entries.Count)], page.Entries);
        AssertSame([.. all.SkipLast(page.Entries.Count).TakeLast(before.Entries.Count)], before.Entries);
        Assert.Equal(0, page.RemovedTo);
    }

    [Fact]
    public async Task Read_OtherEpoch_IsUnknown()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 5);

        foreach (var epoch in new[] { 0, 1, end.Epoch - 1, end.Epoch + 1, long.MaxValue, long.MinValue })
        {
            foreach (var targets in new[] { [s_group], (LogTarget[]?)null })
            {
                var page = await node.ReadPageAsync(Hub, Query(targets, end) with { Epoch = epoch });
                Assert.False(page.IsKnown, $"Epoch {epoch} is not {end.Epoch}.");
                Assert.Equal(end, page.End);
            }
        }
    }

    [Fact]
    public async Task Read_BehindTheEnd_IsUnknown()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 5);

        foreach (var (after, upTo) in new[] { (0, 6L), (5, 6), (6, 6), (7, 9), (5, long.MaxValue), (long.MaxValue, long.MaxValue) })
        {
            foreach (var targets in new[] { [s_group], (LogTarget[]?)null })
            {
                var page = await node.ReadPageAsync(Hub, Query(targets, new(end.Epoch, upTo), after));
                Assert.False(page.IsKnown, $"{after} to {upTo} is behind {end}.");
                Assert.Equal(end, page.End);
            }
        }
    }

    [Fact]
    public async Task Read_NoBoundsOrUpToBeforeAfter_ThrowsArgumentException()
    {
        var node = await StartNodeAsync();
        var end = await AppendCountedAsync(node, 5);

        await Assert.ThrowsAnyAsync<ArgumentException>(() => node.ReadPageAsync(Hub, default));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => node.ReadPageAsync(Hub, Query([s_group], new(end.Epoch, 2), after: 3)));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => node.ReadPageAsync(Hub, Query([s_group], end) with { UpTo = -1 }));
    }

    [Fact]
    public async Task Read_MostTargets_AreMerged()
    {
        var node = await StartNodeAsync();
        LogTarget[] targets = [.. Enumerable.Range(0, LogQuery.MaxTargets).Select(static i => LogTarget.Group($"group{i}"))];
        await node.AppendAsync(Hub, LogTarget.Group("another"), "another");
        for (var i = 0; i < 100; i++)
        {
            await node.AppendAsync(Hub, targets[i * 7 % targets.Length], $"{i}");
        }

        Assert.Equal(Enumerable.Range(0, 100).Select(static i => $"{i}"), Texts(await node.ReadAllAsync(Hub, targets, maxEntries: 30)));
    }

    private static void AssertStretchesMeet(IReadOnlyList<LogPage> pages, long after, long upTo, bool fromEnd)
    {
        var ordered = fromEnd ? [.. pages.Reverse()] : pages;
        Assert.Equal((after, upTo), (ordered[0].ReadAfter, ordered[^1].ReadTo));
        Assert.All(ordered.Zip(ordered.Skip(1)), static pair => Assert.Equal(pair.First.ReadTo, pair.Second.ReadAfter));
    }

    /// <summary>Appends 1, 2, 3 … to the group, and returns where the log ends.</summary>
    /// <param name="node">The node.</param>
    /// <param name="count">How many.</param>
    /// <param name="between">A target that gets each third one instead.</param>
    private async Task<LogPosition> AppendCountedAsync(MessageLogNode node, int count, LogTarget? between = null)
    {
        LogPosition end = default;
        for (var i = 1; i <= count; i++)
        {
            end = (await node.AppendAsync(Hub, i % 3 == 0 && between is { } other ? other : s_group, $"{i}")).Position;
        }

        return end;
    }
}
