namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task AnyCall_TokenCancelledBefore_ThrowsOnlyThat()
    {
        var node = await StartNodeAsync();
        var cancelled = new CancellationToken(canceled: true);
        var end = await node.GetEndAsync(Hub);

        await AssertCompletesOrIsCancelledAsync(async () => await node.Log.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = new byte[1] }, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Log.SubscribeAsync(Hub, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Log.UnsubscribeAsync(Hub, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Log.GetEndAsync(Hub, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Log.ReadAsync(Hub, Query([s_group], end), cancelled));

        await AssertWorksAsync(node);
    }

    [Fact]
    public async Task AnyCall_CancelledMeanwhile_EndsAndBreaksNothing()
    {
        var node = await StartNodeAsync();
        var end = await node.GetEndAsync(Hub);
        for (var i = 0; i < 20; i++)
        {
            await CancelMeanwhileAsync(async token => await node.Log.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = new byte[1] }, token));
            await CancelMeanwhileAsync(async token => await node.Log.UnsubscribeAsync(Hub, token));
            await CancelMeanwhileAsync(async token => await node.Log.SubscribeAsync(Hub, token));
            await CancelMeanwhileAsync(async token => await node.Log.GetEndAsync(Hub, token));
            await CancelMeanwhileAsync(async token => await node.Log.ReadAsync(Hub, Query([s_group], end), token));
        }

        await AssertWorksAsync(node);
    }

    [Fact]
    public async Task AnyCall_ArgumentMissing_ThrowsArgumentException()
    {
        var log = (await StartNodeAsync()).Log;
        var append = new LogAppend { Targets = [s_group], Payload = new byte[1] };

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.AppendAsync(null!, append, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.AppendAsync(Hub, default, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.SubscribeAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.UnsubscribeAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.GetEndAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await log.ReadAsync(null!, Query(null, default), Cancellation));
    }

    [Fact]
    public async Task AnyCall_ManyHubsAtOnce_EachHubKeepsItsOrder()
    {
        const int count = 50;
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        LogHub[] hubs = [.. Enumerable.Range(0, 8).Select(static i => NewHub($"hub{i}"))];

        await Task.WhenAll(hubs.Select(hub => Task.Run(async () =>
        {
            await other.SubscribeAsync(hub);
            var results = await Task.WhenAll(Enumerable.Range(0, count).Select(i => appender.AppendAsync(hub, s_group, $"{i}")).ToArray());
            Assert.Equal(Enumerable.Range(1, count).Select(static i => (long)i), results.Select(static result => result.Position.Offset));
            var received = AssertUnbroken(await other.Received.WaitForAsync(hub.Name, results[^1].Position));
            Assert.Equal(Enumerable.Range(0, count).Select(static i => $"{i}"), Texts(received));
            AssertSame(received, await other.ReadAllAsync(hub, [s_group]));
        })));
    }

    [Fact]
    public async Task Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking()
    {
        var (appender, leaving, staying) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Hub);
        await staying.SubscribeAsync(Hub);
        var before = await appender.AppendAsync(Hub, s_group, "before");
        await leaving.Received.WaitForAsync(Hub.Name, before.Position);

        await leaving.DisposeAsync().WithinGuardAsync();
        await appender.AppendAsync(Hub, s_group, "after");

        await PassByDisposedAsync(appender, staying);
        Assert.Equal(["before", "after"], Texts(AssertUnbroken(staying.Received.Entries(Hub.Name)).Take(2)));
        Assert.Equal(["before"], Texts(leaving.Received.Entries(Hub.Name)));
        Assert.Empty(leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_NodeThatAppended_ItsEntriesAndKeysStay()
    {
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        var first = await leaving.AppendAsync(Hub, s_group, "first", "key");
        await leaving.DisposeAsync().WithinGuardAsync();

        Assert.Equal(first.Position, await staying.GetEndAsync(Hub));
        Assert.Equal(["first"], Texts(await staying.ReadAllAsync(Hub, [s_group])));
        var again = await (await StartNodeAsync()).AppendAsync(Hub, s_group, "again", "key");
        Assert.True(again.IsRepeat);
        Assert.Equal(first.Position, again.Position);
    }

    [Fact]
    public async Task Dispose_Twice_IsTheSameAsOnce()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Hub);

        await Task.WhenAll(node.DisposeAsync().WithinGuardAsync(), node.DisposeAsync().WithinGuardAsync());
        await node.DisposeAsync().WithinGuardAsync();

        await AssertWorksAsync(await StartNodeAsync());
        Assert.Empty(node.Received.Entries(Hub.Name));
    }

    [Fact]
    public async Task Dispose_FromSeveralThreads_EachReturnsWhenAllIsOver()
    {
        const int threads = 8;
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Hub);
        await staying.SubscribeAsync(Hub);
        using var start = new Barrier(threads);

        // What is appended after any of them has returned must not arrive.
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            async () =>
            {
                Assert.True(start.SignalAndWait(Eventually.Guard, Cancellation));
                await leaving.DisposeAsync().WithinGuardAsync();
                await staying.AppendAsync(Hub, s_group, "unheard");
            },
            Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));

        await PassByDisposedAsync(staying, staying);
        Assert.Empty(leaving.Received.Entries(Hub.Name));
        Assert.Empty(leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_WhileCallsRun_TheyEndAndNothingIsLeft()
    {
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Hub);
        var (disposed, taken) = (false, 0);
        var running = Enumerable.Range(0, 4).Select(worker => Task.Run(async () =>
        {
            // Once more when it is disposed.
            var hub = NewHub($"hub{worker}");
            for (var isLast = false; !isLast;)
            {
                isLast = Volatile.Read(ref disposed);
                await IsTakenAsync(() => leaving.SubscribeAsync(hub));
                if (await IsTakenAsync(() => leaving.AppendAsync(Hub, s_group, "flow")))
                {
                    Interlocked.Increment(ref taken);
                    Assert.False(isLast, "A disposed log took an entry.");
                }

                await IsTakenAsync(() => leaving.GetEndAsync(hub));
                await IsTakenAsync(() => leaving.UnsubscribeAsync(hub));
            }
        })).ToArray();
        await Eventually.TrueAsync(() => Volatile.Read(ref taken) >= 50, "calls run");

        await leaving.DisposeAsync().WithinGuardAsync();
        var received = leaving.Received.Entries(Hub.Name).Count;
        Volatile.Write(ref disposed, true);
        await Task.WhenAll(running).WithinGuardAsync();

        await staying.SubscribeAsync(Hub);
        await PassByDisposedAsync(staying, staying);
        Assert.Equal(received, leaving.Received.Entries(Hub.Name).Count);
        Assert.Empty(leaving.Received.Reports);
        Assert.InRange((await staying.ReadAllAsync(Hub, [s_group])).Count, taken, int.MaxValue);
    }

    [Fact]
    public async Task AnyCall_AfterDispose_IsRefusedOrHasNoEffect()
    {
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Hub);
        await staying.SubscribeAsync(Hub);
        var end = await staying.GetEndAsync(Hub);
        await leaving.DisposeAsync().WithinGuardAsync();

        Assert.False(await IsTakenAsync(() => leaving.AppendAsync(Hub, s_group, "lost")));
        Assert.False(await IsTakenAsync(() => leaving.ReadPageAsync(Hub, Query(null, end))));
        await IsTakenAsync(() => leaving.GetEndAsync(Hub));
        await IsTakenAsync(() => leaving.SubscribeAsync(Hub, NewHub("other")));
        await IsTakenAsync(() => leaving.UnsubscribeAsync(Hub));

        await staying.AppendAsync(NewHub("other"), s_group, "unheard");
        await PassByDisposedAsync(staying, staying);
        Assert.DoesNotContain("lost", Texts(await staying.ReadAllAsync(Hub, targets: null)));
        Assert.Empty(leaving.Received.Entries(Hub.Name));
        Assert.Empty(leaving.Received.Entries("other"));
    }

    [Fact]
    public async Task Dispose_SubscribedNode_NothingHoldsItAnyMore()
    {
        var staying = await StartNodeAsync();

        var gone = await UseAndDisposeAsync(staying);

        await Eventually.TrueAsync(() => Garbage.CountAlive(gone) == 0, "the disposed log and its receiver can be collected");
        await AssertWorksAsync(staying);
    }

    [Fact]
    public async Task Dispose_NeverStarted_Completes()
    {
        var log = CreateLog(Cluster);

        await log.DisposeAsync().WithinGuardAsync();
    }

    /// <summary>Asserts that a node can append, receive and read.</summary>
    private async Task AssertWorksAsync(MessageLogNode node)
    {
        await node.SubscribeAsync(Hub);
        var appended = await node.AppendAsync(Hub, s_group, "works");
        Assert.Equal("works", Texts(await node.Received.WaitForAsync(Hub.Name, appended.Position))[^1]);
        Assert.Equal("works", Texts(await node.ReadAllAsync(Hub, [s_group]))[^1]);
    }

    /// <summary>Returns after so much traffic between other nodes that a disposed one would have heard what it must not hear.</summary>
    /// <remarks>The silence of a node that can subscribe to nothing any more cannot be proven; this makes it likely.</remarks>
    private async Task PassByDisposedAsync(MessageLogNode appender, MessageLogNode subscriber)
    {
        for (var i = 0; i < 30; i++)
        {
            var fence = await appender.AppendAsync(Hub, LogTarget.All, "fence");
            await subscriber.Received.WaitForAsync(Hub.Name, fence.Position);
        }
    }
}
