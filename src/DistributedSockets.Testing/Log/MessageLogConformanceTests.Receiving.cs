using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task Subscribe_SeveralNodes_EachReceivesAllOnceInOrderAsItIsRead()
    {
        const int count = 200;
        MessageLogNode[] nodes = [await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync()];
        await Task.WhenAll(nodes.Select(node => node.SubscribeAsync(Hub)));
        LogPosition last = default;
        for (var i = 0; i < count; i++)
        {
            last = (await nodes[i % 2].AppendAsync(Hub, i % 3 == 0 ? [s_group, LogTarget.User("alice")] : [LogTarget.Connection($"c{i}")], $"{i}")).Position;
        }

        var read = await nodes[2].ReadAllAsync(Hub, targets: null);
        Assert.Equal(Enumerable.Range(0, count).Select(static i => $"{i}"), Texts(read));
        foreach (var node in nodes)
        {
            AssertSame(read, AssertUnbroken(await node.Received.WaitForAsync(Hub.Name, last)));
        }
    }

    [Fact]
    public async Task Subscribe_Completed_NothingAppendedAfterwardsIsMissed()
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        for (var i = 0; i < 20; i++)
        {
            var hub = NewHub($"hub{i}");
            await subscriber.SubscribeAsync(hub);

            var first = await appender.AppendAsync(hub, s_group, "first");

            Assert.Equal(["first"], Texts(await subscriber.Received.WaitForAsync(hub.Name, first.Position)));
        }
    }

    [Fact]
    public async Task Subscribe_EntriesBefore_AreSeenAsAHoleAndRead()
    {
        var (appender, late) = (await StartNodeAsync(), await StartNodeAsync());
        await appender.SubscribeAsync(Hub);
        for (var i = 0; i < 5; i++)
        {
            await appender.AppendAsync(Hub, s_group, $"{i}");
        }

        await late.SubscribeAsync(Hub);
        var last = await appender.AppendAsync(Hub, LogTarget.All, "last");

        var received = AssertUnbroken(await late.Received.WaitForAsync(Hub.Name, last.Position));
        var missed = (await late.ReadPagesAsync(Hub, targets: null, after: 0, new(last.Position.Epoch, received[0].PreviousOffset))).SelectMany(static page => page.Entries);
        Assert.Equal(["0", "1", "2", "3", "4", "last"], Texts(missed.Concat(received)));
        AssertSame([.. missed.Concat(received)], AssertUnbroken(await appender.Received.WaitForAsync(Hub.Name, last.Position)));
    }

    [Fact]
    public async Task Subscribe_OtherHub_IsNotReceived()
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var other = NewHub("other");
        await subscriber.SubscribeAsync(Hub);

        await appender.AppendAsync(other, s_group, "not for you");
        await subscriber.SubscribeAsync(other);
        var last = await appender.AppendAsync(other, s_group, "for you");
        var fence = await appender.AppendAsync(Hub, s_group, "fence");

        Assert.Equal(["for you"], Texts(await subscriber.Received.WaitForAsync(other.Name, last.Position)));
        Assert.Equal(["fence"], Texts(await subscriber.Received.WaitForAsync(Hub.Name, fence.Position)));
    }

    [Fact]
    public async Task Subscribe_Twice_IsTheSameAsOnce()
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Hub, Hub);

        await appender.AppendAsync(Hub, s_group, "once");
        var last = await appender.AppendAsync(Hub, s_group, "fence");
        Assert.Equal(["once", "fence"], Texts(AssertUnbroken(await subscriber.Received.WaitForAsync(Hub.Name, last.Position))));

        await subscriber.UnsubscribeAsync(Hub);
        await appender.AppendAsync(Hub, s_group, "gone");
        await subscriber.SubscribeAsync(Hub);
        last = await appender.AppendAsync(Hub, s_group, "back");
        Assert.Equal(["once", "fence", "back"], Texts(await subscriber.Received.WaitForAsync(Hub.Name, last.Position)));
    }

    [Fact]
    public async Task Unsubscribe_ThenAppend_IsNotReceivedAndSeenAsAHoleLater()
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var kept = NewHub("kept");
        await subscriber.SubscribeAsync(Hub, kept);
        var before = await appender.AppendAsync(Hub, s_group, "before");
        await subscriber.Received.WaitForAsync(Hub.Name, before.Position);

        await subscriber.UnsubscribeAsync(Hub);
        var gone = await appender.AppendAsync(Hub, s_group, "gone");
        var elsewhere = await appender.AppendAsync(kept, s_group, "kept");
        Assert.Equal(["kept"], Texts(await subscriber.Received.WaitForAsync(kept.Name, elsewhere.Position)));
        await subscriber.SubscribeAsync(Hub);
        var back = await appender.AppendAsync(Hub, s_group, "back");

        var received = await subscriber.Received.WaitForAsync(Hub.Name, back.Position);
        Assert.Equal(["before", "back"], Texts(received));
        Assert.Equal(gone.Position.Offset, received[1].Entry.PreviousOffset);
    }

    [Fact]
    public async Task Unsubscribe_NotSubscribed_DoesNothing()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Hub);

        await node.UnsubscribeAsync(NewHub("never"));
        var appended = await node.AppendAsync(Hub, s_group, "hello");

        Assert.Equal(["hello"], Texts(await node.Received.WaitForAsync(Hub.Name, appended.Position)));
    }

    [Fact]
    public async Task Subscribe_WhileOthersAppend_MissesNothingAfterwards()
    {
        const int rounds = 10;
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await using var flow = AppendingFlow.Start(appender, Hub, [s_group]);

        for (var round = 0; round < rounds; round++)
        {
            await subscriber.SubscribeAsync(Hub);
            var start = await subscriber.GetEndAsync(Hub);
            await flow.WaitForMoreAsync(25);
            var fence = await subscriber.AppendAsync(Hub, LogTarget.All, "fence");

            // Before that there may be some that were under way when it gave the hub up.
            var received = (await subscriber.Received.WaitForAsync(Hub.Name, fence.Position))
                .Select(static one => one.Entry.Offset).Where(offset => offset > start.Offset && offset <= fence.Position.Offset);
            Assert.Equal(Enumerable.Range(1, (int)(fence.Position.Offset - start.Offset)).Select(i => start.Offset + i), received);
            await subscriber.UnsubscribeAsync(Hub);
        }
    }

    [Fact]
    public async Task Received_PayloadHandedOver_IsNeverChangedAfterwards()
    {
        const int count = 200;
        var (appender, leaving, staying) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Hub);
        await staying.SubscribeAsync(Hub);
        var last = await AppendAllAsync();
        var kept = AssertUnbroken(await leaving.Received.WaitForAsync(Hub.Name, last));
        var read = await leaving.ReadAllAsync(Hub, [s_group]);

        // A log that lends memory takes it back when a hub or a node goes, or uses it again for what comes next.
        await leaving.UnsubscribeAsync(Hub);
        await leaving.DisposeAsync().WithinGuardAsync();
        last = await AppendAllAsync();

        var all = AssertUnbroken(await staying.Received.WaitForAsync(Hub.Name, last));
        Assert.Equal(2 * count, all.Count);
        Assert.All(kept, static (entry, i) => Assert.True(Numbered(i % count).AsSpan().SequenceEqual(entry.Payload.Span)));
        Assert.All(read, static (entry, i) => Assert.True(Numbered(i % count).AsSpan().SequenceEqual(entry.Payload.Span)));
        Assert.All(all, static (entry, i) => Assert.True(Numbered(i % count).AsSpan().SequenceEqual(entry.Payload.Span)));

        async Task<LogPosition> AppendAllAsync()
        {
            var results = await Task.WhenAll(Enumerable.Range(0, count).Select(i => appender.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = Numbered(i) })));
            return results[^1].Position;
        }
    }

    [Fact]
    public async Task End_HubWithoutEntries_IsTheBeginningOfItsEpoch()
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());

        var end = await node.GetEndAsync(Hub);

        Assert.Equal(0, end.Offset);
        Assert.InRange(end.Epoch, 1, long.MaxValue);
        Assert.Equal(end, await other.GetEndAsync(Hub));
        Assert.Equal(new LogPosition(end.Epoch, 1), (await other.AppendAsync(Hub, s_group, "first")).Position);
    }

    [Fact]
    public async Task End_AtAnotherNode_IsNoEarlierThanWhatWasAnswered()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());

        for (var i = 0; i < 50; i++)
        {
            Assert.Equal((await appender.AppendAsync(Hub, LogTarget.Group($"g{i}"), "x")).Position, await other.GetEndAsync(Hub));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference[]> UseAndDisposeAsync(MessageLogNode other)
    {
        const int count = 20;
        LogHub[] hubs = [.. Enumerable.Range(0, count).Select(i => NewHub($"hub{i}"))];
        var (log, receiver) = (CreateLog(Cluster), new CountingReceiver());
        await log.StartAsync(receiver, Cancellation).WithinGuardAsync();
        foreach (var hub in hubs)
        {
            await log.SubscribeAsync(hub, Cancellation).WithinGuardAsync();
            await other.AppendAsync(hub, s_group, "hello");
        }

        await Eventually.TrueAsync(() => receiver.Count >= count, "each hub has had its entry");
        await log.DisposeAsync().WithinGuardAsync();
        return [new(log), new(receiver)];
    }

    /// <summary>Counts what it is handed and keeps nothing.</summary>
    private sealed class CountingReceiver : IMessageLogReceiver
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public void OnAppended(string hub, long epoch, in LogEntry entry) => Interlocked.Increment(ref _count);

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }
    }
}
