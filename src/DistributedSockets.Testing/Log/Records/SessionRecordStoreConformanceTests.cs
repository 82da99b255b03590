namespace DistributedSockets.Testing;

/// <summary>What every message log promises that is an <see cref="ISessionRecordStore"/>. Derive from it once for each implementation and server, besides <see cref="MessageLogConformanceTests"/>.</summary>
/// <remarks>The server is up while these run; for what is promised about outages see <see cref="SessionRecordStoreOutageConformanceTests"/>.</remarks>
public abstract class SessionRecordStoreConformanceTests : SessionRecordSuite
{
    [Fact]
    public async Task Read_NothingWritten_IsNone()
    {
        var node = await StartNodeAsync();

        Assert.Null(await ReadAsync(node, Hub, NewSession()));
        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Swap_NoneExpectedAndNoneThere_IsReadByOtherNodes()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        byte[] lent = [1, 2, 3];

        await WriteAsync(node, Hub, session, 0, new() { Version = 7, Value = lent });
        lent.AsSpan().Clear();

        var read = await StoreOf(other).ReadRecordAsync(Hub, session, Cancellation).WithinGuardAsync();
        Assert.Equal(7, read?.Version);
        Assert.Equal([1, 2, 3], read!.Value.ToArray());
    }

    [Fact]
    public async Task Swap_NoneExpectedButOneThere_IsRefusedAndToldWhich()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));

        AssertRefused((7, "one"), await SwapAsync(other, Hub, session, 0, Record(8, "two")));
        Assert.Equal((7, "one"), await ReadAsync(node, Hub, session));
    }

    [Fact]
    public async Task Swap_AtTheVersionExpected_Replaces()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));

        await WriteAsync(other, Hub, session, 7, Record(-3, "two")); // versions are random, and do not grow

        Assert.Equal((-3, "two"), await ReadAsync(node, Hub, session));
        AssertRefused((-3, "two"), await SwapAsync(node, Hub, session, 7, Record(9, "three")));
    }

    [Fact]
    public async Task Swap_OneExpectedButNoneThere_IsRefused()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());

        AssertRefused(null, await SwapAsync(node, Hub, session, 7, Record(8, "two")));
        Assert.Null(await ReadAsync(node, Hub, session));
    }

    [Fact]
    public async Task Swap_OfManyAtOnceAtSeveralNodes_OneIsDoneAndTheOthersAreToldIt()
    {
        var session = NewSession();
        MessageLogNode[] nodes = [await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync()];
        var version = 0L;
        for (var round = 1; round <= 10; round++)
        {
            var drawn = Enumerable.Range(1, 12).Select(i => (1_000L * round) + i).ToArray();

            var swaps = await Task.WhenAll(drawn.Select((next, i) => SwapAsync(nodes[i % nodes.Length], Hub, session, version, Record(next, $"{next}"))));

            version = drawn[Array.FindIndex(swaps, static swap => swap.IsDone)];
            Assert.Single(swaps, static swap => swap.IsDone);
            foreach (var lost in swaps.Where(static swap => !swap.IsDone))
            {
                AssertRefused((version, $"{version}"), lost);
            }

            Assert.Equal((version, $"{version}"), await ReadAsync(nodes[round % nodes.Length], Hub, session));
        }
    }

    [Fact]
    public async Task Swap_ToNothing_RemovesForGood()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        AssertRefused((7, "one"), await SwapAsync(other, Hub, session, 6, null));

        await WriteAsync(other, Hub, session, 7, null);

        Assert.Null(await ReadAsync(node, Hub, session));
        AssertRefused(null, await SwapAsync(node, Hub, session, 7, Record(8, "two")));
        AssertRefused(null, await SwapAsync(node, Hub, session, 7, null));
        await WriteAsync(node, Hub, session, 0, Record(9, "anew"));
        Assert.Equal((9, "anew"), await ReadAsync(other, Hub, session));
    }

    [Fact]
    public async Task Swap_RemovalAndReplacementAtOnce_OneIsDone()
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        for (var round = 0; round < 20; round++)
        {
            var session = NewSession();
            await WriteAsync(node, Hub, session, 0, Record(7, "one"));

            SessionRecord?[] writes = round % 2 == 0 ? [null, Record(8, "two")] : [Record(8, "two"), null];
            var swaps = await Task.WhenAll(SwapAsync(node, Hub, session, 7, writes[0]), SwapAsync(other, Hub, session, 7, writes[1]));

            Assert.NotEqual(swaps[0].IsDone, swaps[1].IsDone);
            Assert.Equal(Shown(writes[swaps[0].IsDone ? 0 : 1]), await ReadAsync(other, Hub, session));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(ISessionRecordStore.MaxRecordBytes)]
    public async Task Swap_AnySize_IsReadUnchanged(int bytes)
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        var value = new byte[bytes];
        Random.Shared.NextBytes(value);

        await WriteAsync(node, Hub, session, 0, new() { Version = 7, Value = value });

        Assert.Equal(value, (await StoreOf(other).ReadRecordAsync(Hub, session, Cancellation).WithinGuardAsync())?.Value.ToArray());
    }

    [Fact]
    public async Task Swap_LargestVersions_AreToldApart()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        var last = 0L;
        foreach (var version in (long[])[long.MaxValue, long.MinValue, -1, (1L << 53) + 1, 1L << 53])
        {
            AssertRefused(await ReadAsync(node, Hub, session), await SwapAsync(node, Hub, session, last == 0 ? 1 : last - 1, Record(5, "wrong")));
            await WriteAsync(node, Hub, session, last, Record(version, $"{version}"));
            Assert.Equal((version, $"{version}"), await ReadAsync(node, Hub, session));
            last = version;
        }
    }

    [Fact]
    public async Task Record_OtherSessionHubOrCluster_IsAnother()
    {
        var (node, foreign) = (await StartNodeAsync(), await StartNodeAsync($"{Cluster}-2"));
        var sessions = (string[])["s.AbC", "s.aBc", "s.AbC-", "s-AbC", "s_AbC", new('s', 128), new('s', 127)];
        for (var i = 0; i < sessions.Length; i++)
        {
            await WriteAsync(node, Hub, sessions[i], 0, Record(i + 1, sessions[i]));
        }

        await WriteAsync(node, NewHub("chat.2"), sessions[0], 0, Record(50, "hub"));
        await WriteAsync(foreign, Hub, sessions[0], 0, Record(60, "cluster"));

        for (var i = 0; i < sessions.Length; i++)
        {
            Assert.Equal((i + 1, sessions[i]), await ReadAsync(node, Hub, sessions[i]));
        }

        Assert.Equal((50, "hub"), await ReadAsync(node, NewHub("chat.2"), sessions[0]));
        Assert.Equal((60, "cluster"), await ReadAsync(foreign, Hub, sessions[0]));
    }

    [Fact]
    public async Task Record_WrittenInTime_StaysAndGoesWhenItsTimeIsOver()
    {
        var (node, hub) = (await StartNodeAsync(), NewHub("brief", ShortAge * 2));
        var (kept, left) = (NewSession(), NewSession());
        var written = TimeProvider.System.GetTimestamp();
        await WriteAsync(node, hub, kept, 0, Record(1, "kept"));
        await WriteAsync(node, hub, left, 0, Record(1, "left"));

        for (var version = 2; version <= 4; version++)
        {
            await PassAsync(ShortAge);
            var now = TimeProvider.System.GetTimestamp();
            if (!(await SwapAsync(node, hub, kept, version - 1, Record(version, "kept"))).IsDone)
            {
                Assert.True(TimeProvider.System.GetElapsedTime(written) >= hub.Retention.MaxAge, "A record was gone before its time, although it is written again and again.");
                await WriteAsync(node, hub, kept, 0, Record(version, "kept")); // this test was held up
            }

            written = now;
        }

        await Eventually.TrueAsync(async () => await ReadAsync(node, hub, left) is null, "a record that nobody writes any more goes");
        AssertRefused(null, await SwapAsync(node, hub, left, 1, Record(2, "left")));
        await WriteAsync(node, hub, left, 0, Record(3, "anew"));
    }

    [Fact]
    public async Task Record_WrittenAndRemoved_IsNoEntryOfTheLog()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await node.SubscribeAsync(Hub);
        var before = await AppendAsync(node, Hub, "before", fence: null);

        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        await WriteAsync(node, Hub, session, 7, null);

        var after = await AppendAsync(node, Hub, "after", fence: null);
        Assert.Equal(before.Position.Offset + 1, after.Position.Offset);
        Assert.Equal(["before", "after"], Texts(await node.Received.WaitForAsync(Hub.Name, after.Position)));
    }

    [Fact]
    public async Task Append_FenceIsCurrent_IsAppended()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(long.MinValue, "one"));

        var first = await AppendAsync(node, Hub, "a", Fence(session, long.MinValue));
        await WriteAsync(node, Hub, session, long.MinValue, Record((1L << 53) + 1, "two"));
        var second = await AppendAsync(node, Hub, "b", Fence(session, (1L << 53) + 1), "key");
        var again = await AppendAsync(node, Hub, "b", Fence(session, (1L << 53) + 1), "key");

        Assert.Equal((1, 2, 2), (first.Position.Offset, second.Position.Offset, again.Position.Offset));
        Assert.True(again.IsRepeat);
        Assert.Equal(["a", "b"], Texts(await node.ReadAllAsync(Hub, [LogTarget.Group("red")])));
    }

    [Fact]
    public async Task Append_FenceIsStale_IsRefusedOrPassedOverAsTheStoreSays()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record((1L << 53) + 1, "one"));
        await WriteAsync(other, Hub, session, (1L << 53) + 1, Record(1L << 53, "taken"));

        var stale = AppendAsync(node, Hub, "stale", Fence(session, (1L << 53) + 1), "key");
        if (!StoreOf(node).RefusesStaleAppends)
        {
            await stale;
            return;
        }

        await Assert.ThrowsAsync<StaleFenceException>(() => stale);
        await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(node, Hub, "stale", Fence(NewSession(), 7)));
        var current = await AppendAsync(other, Hub, "current", Fence(session, 1L << 53), "key");
        Assert.False(current.IsRepeat, "An append that was refused has used up its key.");
        await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(node, Hub, "stale", Fence(session, (1L << 53) + 1), "key"));
        await WriteAsync(other, Hub, session, 1L << 53, null);
        await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(other, Hub, "stale", Fence(session, 1L << 53)));
        Assert.Equal(["current"], Texts(await node.ReadAllAsync(Hub, [LogTarget.Group("red")])));
    }

    [Fact]
    public async Task Append_FenceHasTheNextVersionToo_IsAppendedBeforeAndAfterTheRecordIsWritten()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(-7, "one"));
        var fence = new SessionFence { SessionId = session, Version = -7, NextVersion = long.MaxValue };

        await AppendAsync(node, Hub, "before", fence);
        await WriteAsync(node, Hub, session, -7, Record(long.MaxValue, "two"));
        await AppendAsync(node, Hub, "after", fence);

        Assert.Equal(["before", "after"], Texts(await node.ReadAllAsync(Hub, [LogTarget.Group("red")])));
        if (StoreOf(node).RefusesStaleAppends)
        {
            await WriteAsync(node, Hub, session, long.MaxValue, Record(7, "three"));
            await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(node, Hub, "stale", fence));
            await WriteAsync(node, Hub, session, 7, null);
            await Assert.ThrowsAsync<StaleFenceException>(() => AppendAsync(node, Hub, "stale", fence));
        }
    }

    [Fact]
    public async Task Append_StaleOnesAmongOthers_LeaveNoHole()
    {
        var (node, session) = (await StartNodeAsync(), NewSession());
        await node.SubscribeAsync(Hub);
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        var refuses = StoreOf(node).RefusesStaleAppends;

        var appends = Enumerable.Range(0, 60).Select(i => AppendAsync(node, Hub, $"{i}", i % 3 == 0 ? null : Fence(session, i % 3 == 1 ? 7 : 8))).ToArray();
        foreach (var (append, i) in appends.Select(static (append, i) => (append, i)))
        {
            if (i % 3 == 2 && refuses)
            {
                await Assert.ThrowsAsync<StaleFenceException>(() => append);
            }
            else
            {
                await append;
            }
        }

        var last = await AppendAsync(node, Hub, "last", fence: null);
        var received = AssertUnbroken(await node.Received.WaitForAsync(Hub.Name, last.Position));
        Assert.Equal([.. Enumerable.Range(0, 60).Where(i => i % 3 != 2 || !refuses).Select(static i => $"{i}"), "last"], Texts(received));
    }

    [Fact]
    public async Task AnyCall_TokenCancelledBefore_ThrowsOnlyThat()
    {
        var (node, cancelled) = (await StartNodeAsync(), new CancellationToken(canceled: true));

        await AssertCompletesOrIsCancelledAsync(async () => await StoreOf(node).ReadRecordAsync(Hub, NewSession(), cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await StoreOf(node).SwapRecordAsync(Hub, NewSession(), 0, Record(7, "one"), cancelled));
    }

    [Fact]
    public async Task AnyCall_ArgumentMissing_ThrowsArgumentException()
    {
        var store = StoreOf(await StartNodeAsync());

        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.ReadRecordAsync(null!, "s.1", Cancellation));
        await Assert.ThrowsAsync<ArgumentNullException>(async () => await store.SwapRecordAsync(null!, "s.1", 0, Record(7, "one"), Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.ReadRecordAsync(Hub, "", Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await store.SwapRecordAsync(Hub, "", 0, Record(7, "one"), Cancellation));
    }

    [Fact]
    public async Task AnyCall_AfterDispose_IsRefusedAndHasNoEffect()
    {
        var (node, other, session) = (await StartNodeAsync(), await StartNodeAsync(), NewSession());
        await WriteAsync(node, Hub, session, 0, Record(7, "one"));
        await node.DisposeAsync().WithinGuardAsync();

        Assert.False(await IsTakenAsync(() => SwapAsync(node, Hub, session, 7, Record(8, "two"))), "A store that has been disposed took a record.");
        Assert.False(await IsTakenAsync(() => StoreOf(node).ReadRecordAsync(Hub, session, Cancellation).AsTask()), "A store that has been disposed was read.");
        Assert.Equal((7, "one"), await ReadAsync(other, Hub, session)); // which does not go with the node that wrote it
    }
}
