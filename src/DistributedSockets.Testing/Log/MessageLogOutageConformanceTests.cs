namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IMessageLog"/> promises for the time when it is away, and for the time after.</summary>
/// <remarks>
/// For logs that can be away: derive from it besides <see cref="MessageLogConformanceTests"/>. Each test object needs a server of its own.
/// How soon an outage is noticed is up to the log, within <see cref="Eventually.Guard"/>.
/// </remarks>
public abstract partial class MessageLogOutageConformanceTests : MessageLogSuite
{
    private static readonly LogTarget s_group = LogTarget.Group("red");

    /// <summary>Creates the log of one more node, which reaches the server by a way that <see cref="CutAsync"/> leaves alone.</summary>
    /// <param name="cluster">The node's cluster.</param>
    protected abstract IMessageLog CreateDirectLog(string cluster);

    /// <summary>Cuts all links between the server and the nodes of <see cref="MessageLogSuite.CreateLog"/>, such as those through a proxy.</summary>
    /// <remarks>Called while there are nodes, and before the first. Returns when nothing passes any more, not when the nodes have noticed.</remarks>
    protected abstract Task CutAsync();

    /// <summary>Lets the links pass again, at the same address.</summary>
    protected abstract Task RestoreAsync();

    /// <summary>Stops the server and starts it again, at the same address, while the links are cut. Returns when it answers.</summary>
    /// <param name="keepsData">Whether it has all that it had, or nothing.</param>
    protected abstract Task RestartServerAsync(bool keepsData);

    [Fact]
    public async Task Outage_SubscribedNodes_AreToldOnceEachWay()
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Hub);

        await CutAndRestoreAsync([appender, subscriber]);

        var appended = await appender.AppendAsync(Hub, s_group, "after");
        Assert.Equal(["after"], Texts(await subscriber.Received.WaitForAsync(Hub.Name, appended.Position)));
        Assert.Equal(["unavailable", "available"], appender.Received.Reports);
        Assert.Equal(["unavailable", "available"], subscriber.Received.Reports);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Outage_SeveralTimes_EachIsToldAndHealed(bool restarts)
    {
        var (appender, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Hub);

        var expected = new List<string>();
        for (var outage = 1; outage <= 3; outage++)
        {
            var before = await appender.AppendAsync(Hub, s_group, $"before {outage}");
            await subscriber.Received.WaitForAsync(Hub.Name, before.Position);
            await CutAndRestoreAsync([appender, subscriber], outage, restarts);
            var after = await appender.AppendAsync(Hub, s_group, $"after {outage}");
            await subscriber.Received.WaitForAsync(Hub.Name, after.Position);
            Assert.Equal(before.Position.Offset, after.PreviousOffset);
            expected.AddRange([$"before {outage}", $"after {outage}"]);
        }

        Assert.Equal(expected, Texts(await FilledAsync(subscriber, from: 0)));
        Assert.Equal(expected, Texts(await appender.ReadAllAsync(Hub, [s_group])));
        Assert.Equal(3, subscriber.Received.Reports.Count(static report => report == "available"));
    }

    [Fact]
    public async Task Outage_EntriesAppendedMeanwhile_AreSeenAsAHoleAndRead()
    {
        var (direct, subscriber) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        await direct.SubscribeAsync(Hub);
        await subscriber.SubscribeAsync(Hub);
        var before = await direct.AppendAsync(Hub, s_group, "before");
        await subscriber.Received.WaitForAsync(Hub.Name, before.Position);
        await CutAsync();
        await WaitUntilAwayAsync([subscriber]);

        for (var i = 0; i < 20; i++)
        {
            await direct.AppendAsync(Hub, i % 2 == 0 ? s_group : LogTarget.All, $"meanwhile {i}");
        }

        await RestoreAsync();
        await WaitUntilBackAsync([subscriber]);
        var after = await direct.AppendAsync(Hub, s_group, "after");

        await subscriber.Received.WaitForAsync(Hub.Name, after.Position);
        var filled = await FilledAsync(subscriber, from: 0);
        Assert.Equal(["before", .. Enumerable.Range(0, 20).Select(static i => $"meanwhile {i}"), "after"], Texts(filled));
        AssertSame(AssertUnbroken(await direct.Received.WaitForAsync(Hub.Name, after.Position)), filled);
        Assert.Empty(direct.Received.Reports);
    }

    [Fact]
    public async Task Start_LogAway_StartsReportsItAndWorksLater()
    {
        await CutAsync();
        var node = await StartNodeAsync();
        await WaitUntilAwayAsync([node]);
        await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(Hub, s_group, "lost"));

        await RestoreAsync();
        await WaitUntilBackAsync([node]);

        await node.SubscribeAsync(Hub);
        var appended = await node.AppendAsync(Hub, s_group, "hello");
        Assert.Equal("hello", Texts(await node.Received.WaitForAsync(Hub.Name, appended.Position))[^1]);
        Assert.Equal(["unavailable", "available"], node.Received.Reports);
    }

    [Fact]
    public async Task AnyCall_LogAway_ThrowsWithinBoundedTime()
    {
        var node = await StartNodeAsync();
        var end = (await node.AppendAsync(Hub, s_group, "before")).Position;
        await CutAsync();
        await WaitUntilAwayAsync([node]);

        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.AppendAsync(Hub, s_group, "lost"));
            await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.GetEndAsync(Hub));
            await Assert.ThrowsAsync<MessageLogUnavailableException>(() => node.ReadPageAsync(Hub, Query([s_group], end)));
        }

        await RestoreAsync();
        await WaitUntilBackAsync([node]);
        Assert.Equal("before", Texts(await node.ReadAllAsync(Hub, [s_group]))[0]);
    }

    [Fact]
    public async Task AnyCall_CancelledWhileLogIsAway_Ends()
    {
        var node = await StartNodeAsync();
        await CutAsync();

        await CancelMeanwhileAsync(token => IsTakenAsync(() => node.Log.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = new byte[1] }, token).AsTask()));
        await CancelMeanwhileAsync(token => IsTakenAsync(() => node.Log.GetEndAsync(Hub, token).AsTask()));
        await CancelMeanwhileAsync(token => IsTakenAsync(() => node.Log.ReadAsync(Hub, Query([s_group], new(1, 0)), token).AsTask()));
        await CancelMeanwhileAsync(token => IsTakenAsync(() => node.Log.SubscribeAsync(Hub, token).AsTask()));
    }

    [Fact]
    public async Task Subscribe_LogAway_IsRefusedForGoodOrInForceAfterwards()
    {
        var (direct, subscriber) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        await CutAsync();
        await WaitUntilAwayAsync([subscriber]);

        var isTaken = await IsTakenAsync(() => subscriber.SubscribeAsync(Hub));

        await RestoreAsync();
        await WaitUntilBackAsync([subscriber]);
        var first = await direct.AppendAsync(Hub, s_group, "first");
        await subscriber.SubscribeAsync(Hub);
        var fence = await direct.AppendAsync(Hub, s_group, "fence");
        var received = Texts(await subscriber.Received.WaitForAsync(Hub.Name, fence.Position));
        Assert.Equal(isTaken ? ["first", "fence"] : ["fence"], received);
        Assert.Equal(first.Position.Offset, fence.PreviousOffset);
    }

    [Fact]
    public async Task Unsubscribe_LogAway_IsNoErrorAndNotRestored()
    {
        var (direct, subscriber) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        var kept = NewHub("kept");
        await subscriber.SubscribeAsync(Hub, kept);
        await CutAsync();
        await WaitUntilAwayAsync([subscriber]);

        await subscriber.UnsubscribeAsync(Hub);
        await subscriber.UnsubscribeAsync(NewHub("never"));

        await RestoreAsync();
        await WaitUntilBackAsync([subscriber]);
        await direct.AppendAsync(Hub, s_group, "unheard");
        var fence = await direct.AppendAsync(kept, s_group, "fence");
        Assert.Equal(["fence"], Texts(await subscriber.Received.WaitForAsync(kept.Name, fence.Position)));
        await subscriber.SubscribeAsync(Hub);
        fence = await direct.AppendAsync(Hub, s_group, "fence");
        Assert.Equal(["fence"], Texts(await subscriber.Received.WaitForAsync(Hub.Name, fence.Position)));
    }

    [Fact]
    public async Task Available_ManyHubs_AllAreInForceAgain()
    {
        var (direct, subscriber) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        LogHub[] hubs = [.. Enumerable.Range(0, 20).Select(static i => NewHub($"hub{i}"))];
        await subscriber.SubscribeAsync(hubs);

        await CutAsync();
        await WaitUntilAwayAsync([subscriber]);
        await RestoreAsync();
        await WaitUntilBackAsync([subscriber]);

        var appended = await Task.WhenAll(hubs.Select(hub => direct.AppendAsync(hub, s_group, hub.Name)));
        foreach (var (hub, result) in hubs.Zip(appended))
        {
            Assert.Equal([hub.Name], Texts(await subscriber.Received.WaitForAsync(hub.Name, result.Position)));
        }
    }

    [Fact]
    public async Task Dispose_LogAway_CompletesAndIsNotBackLater()
    {
        var (direct, leaving) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        var staying = await StartNodeAsync();
        await leaving.SubscribeAsync(Hub);
        await staying.SubscribeAsync(Hub);
        await CutAsync();
        await WaitUntilAwayAsync([leaving, staying]);

        await leaving.DisposeAsync().WithinGuardAsync();

        await RestoreAsync();
        await WaitUntilBackAsync([staying]);
        for (var i = 0; i < 30; i++)
        {
            var fence = await direct.AppendAsync(Hub, s_group, "fence");
            await staying.Received.WaitForAsync(Hub.Name, fence.Position);
        }

        Assert.Empty(leaving.Received.Entries(Hub.Name));
        Assert.DoesNotContain("available", leaving.Received.Reports);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Dispose_LogJustGoneOrNeverThere_Completes(bool wasThere)
    {
        if (!wasThere)
        {
            await CutAsync();
        }

        var node = await StartNodeAsync();
        if (wasThere)
        {
            await node.SubscribeAsync(Hub);
            await CutAsync();
        }

        await node.DisposeAsync().WithinGuardAsync();

        Assert.DoesNotContain("available", node.Received.Reports);
    }

    private static LogQuery Query(IReadOnlyList<LogTarget>? targets, LogPosition upTo) =>
        new() { Targets = targets, Epoch = upTo.Epoch, After = 0, UpTo = upTo.Offset, MaxEntries = 1_000, MaxBytes = 1 << 20 };

    private static async Task WaitUntilAwayAsync(MessageLogNode[] nodes, int outage = 1)
    {
        foreach (var node in nodes)
        {
            await node.Received.WaitForReportAsync("unavailable", outage);
        }
    }

    private static async Task WaitUntilBackAsync(MessageLogNode[] nodes, int outage = 1)
    {
        foreach (var node in nodes)
        {
            await node.Received.WaitForReportAsync("available", outage);
        }
    }

    private async Task CutAndRestoreAsync(MessageLogNode[] nodes, int outage = 1, bool restarts = false, Func<Task>? meanwhile = null)
    {
        await CutAsync();
        await WaitUntilAwayAsync(nodes, outage);
        await (meanwhile?.Invoke() ?? Task.CompletedTask);
        if (restarts)
        {
            await RestartServerAsync(keepsData: true);
        }

        await RestoreAsync();
        await WaitUntilBackAsync(nodes, outage);
    }

    /// <summary>What a node makes of what it was handed over: what came again is dropped, what is missing is read.</summary>
    private async Task<IReadOnlyList<LogEntry>> FilledAsync(MessageLogNode node, long from)
    {
        var (filled, last) = (new List<LogEntry>(), from);
        var received = node.Received.Entries(Hub.Name);
        Assert.Single(received.Select(static one => one.Epoch).Distinct());
        foreach (var one in received)
        {
            if (one.Entry.Offset <= last)
            {
                AssertSame([Assert.Single(filled, entry => entry.Offset == one.Entry.Offset)], [one.Entry]);
                continue;
            }

            if (one.Entry.PreviousOffset > last)
            {
                filled.AddRange((await node.ReadPagesAsync(Hub, targets: null, last, new(one.Epoch, one.Entry.PreviousOffset))).SelectMany(static page => page.Entries));
                Assert.Equal(one.Entry.PreviousOffset, filled[^1].Offset);
            }
            else
            {
                Assert.Equal(last, one.Entry.PreviousOffset);
            }

            filled.Add(one.Entry);
            last = one.Entry.Offset;
        }

        return filled;
    }
}
