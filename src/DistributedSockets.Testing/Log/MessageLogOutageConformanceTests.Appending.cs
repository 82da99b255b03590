namespace DistributedSockets.Testing;

public abstract partial class MessageLogOutageConformanceTests
{
    [Fact]
    public async Task Append_LogAway_SaysWhatBecameOfIt()
    {
        var (node, direct) = (await StartNodeAsync(), await StartNodeAsync(CreateDirectLog(Cluster)));
        await node.AppendAsync(Hub, s_group, "before");
        await CutAsync();

        // The first ones may have been on their way when the log went.
        var flow = new Flow();
        for (var i = 0; i < 5; i++)
        {
            Assert.False(await flow.AppendAsync(node, Hub, $"{i}"), "Nothing passes, yet an append was answered.");
        }

        await WaitUntilAwayAsync([node]);
        Assert.False(await flow.AppendAsync(node, Hub, "last"), "Nothing passes, yet an append was answered.");
        await RestoreAsync();
        await WaitUntilBackAsync([node]);
        await node.AppendAsync(Hub, s_group, "after");

        flow.AssertStandsIn(await direct.ReadAllAsync(Hub, targets: null));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Append_WhileLogGoesAndComes_AnsweredOnesStandOnceAndRefusedOnesNever(bool restarts)
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        Flow[] flows = [new(), new()];
        var done = false;
        var appending = flows.Select((flow, index) => Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                await flow.AppendAsync(index == 0 ? node : other, Hub, $"{index}:{i}");
                await Task.Delay(1, Cancellation); // a steady flow, not a flood
            }
        })).ToArray();

        for (var outage = 1; outage <= 2; outage++)
        {
            await Eventually.TrueAsync(() => flows.All(flow => flow.AnsweredCount >= outage * 5), "appends are answered");
            await CutAndRestoreAsync([node, other], outage, restarts, () => Task.WhenAll(flows.Select(static flow => flow.WaitForAttemptAsync())));
        }

        var before = flows[0].AnsweredCount;
        await Eventually.TrueAsync(() => flows[0].AnsweredCount > before + 5, "appends are answered again");
        Volatile.Write(ref done, true);
        await Task.WhenAll(appending).WithinGuardAsync();

        var all = await node.ReadAllAsync(Hub, targets: null);
        Assert.All(flows, flow => flow.AssertStandsIn(all));
        Assert.Equal(all.Select(static entry => entry.Offset).SkipLast(1), all.Skip(1).Select(static entry => entry.PreviousOffset));
        AssertSame(all, await other.ReadAllAsync(Hub, [s_group]));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Append_RepeatedUnderItsKeyUntilItIsAnswered_StandsOnce(bool restarts)
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        var (done, count, failures) = (false, 0, 0);
        var appending = Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                LogAppendResult? answered = null;
                for (var attempt = 0; answered is null; attempt++)
                {
                    try
                    {
                        answered = await (attempt % 2 == 0 ? node : other).AppendAsync(Hub, s_group, $"{i}", $"key {i}");
                    }
                    catch (MessageLogUnavailableException)
                    {
                        Interlocked.Increment(ref failures);
                        await Task.Delay(1, Cancellation); // a steady flow, not a flood
                    }
                }

                Volatile.Write(ref count, i + 1);
            }
        });

        for (var outage = 1; outage <= 2; outage++)
        {
            var before = Volatile.Read(ref count);
            await Eventually.TrueAsync(() => Volatile.Read(ref count) > before + 5, "appends are answered");
            var failed = Volatile.Read(ref failures);
            await CutAndRestoreAsync([node, other], outage, restarts, () => Eventually.TrueAsync(() => Volatile.Read(ref failures) > failed, "an append fails"));
        }

        Volatile.Write(ref done, true);
        await appending.WithinGuardAsync();

        Assert.Equal(Enumerable.Range(0, count).Select(static i => $"{i}"), Texts(await node.ReadAllAsync(Hub, [s_group])));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Received_WhileLogGoesAndComes_IsFilledToTheWholeLog(bool restarts)
    {
        var (direct, subscriber) = (await StartNodeAsync(CreateDirectLog(Cluster)), await StartNodeAsync());
        await subscriber.SubscribeAsync(Hub);
        var (done, flow) = (false, new Flow());
        var appending = Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                await flow.AppendAsync(direct, Hub, $"{i}");
                await Task.Delay(1, Cancellation); // a steady flow, not a flood
            }
        });

        for (var outage = 1; outage <= 2; outage++)
        {
            var before = flow.AnsweredCount;
            await Eventually.TrueAsync(() => flow.AnsweredCount > before + 10, "appends are answered");
            await CutAndRestoreAsync([subscriber], outage, restarts, flow.WaitForAttemptAsync);
        }

        var again = flow.AnsweredCount;
        await Eventually.TrueAsync(() => flow.AnsweredCount > again + 10, "appends are answered again");
        Volatile.Write(ref done, true);
        await appending.WithinGuardAsync();
        var last = await AppendPatientlyAsync(direct, "last");

        await subscriber.Received.WaitForAsync(Hub.Name, last.Position);
        var filled = await FilledAsync(subscriber, from: 0);
        AssertSame(await direct.ReadAllAsync(Hub, targets: null), filled);
        flow.AssertStandsIn(filled);
    }

    [Fact]
    public async Task Restart_DataKept_EpochEntriesAndKeysStay()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Hub);
        await node.AppendAsync(Hub, s_group, "first");
        var keyed = await node.AppendAsync(Hub, [s_group, LogTarget.All], "keyed", "key");
        var before = await node.ReadAllAsync(Hub, targets: null);

        await CutAndRestoreAsync([node], restarts: true);

        AssertSame(before, (await node.ReadPagesAsync(Hub, targets: null, after: 0, keyed.Position)).SelectMany(static page => page.Entries).ToArray());
        var repeat = await node.AppendAsync(Hub, s_group, "keyed", "key");
        Assert.True(repeat.IsRepeat);
        Assert.Equal(keyed.Position, repeat.Position);
        var after = await node.AppendAsync(Hub, s_group, "after");
        Assert.Equal(keyed.Position.Epoch, after.Position.Epoch);
        Assert.Equal(keyed.Position.Offset, after.PreviousOffset);
        Assert.Equal(["first", "keyed", "after"], Texts(await (await StartNodeAsync()).ReadAllAsync(Hub, [s_group])));
        Assert.Equal("after", Texts(await node.Received.WaitForAsync(Hub.Name, after.Position))[^1]);
    }

    [Fact]
    public async Task Restart_DataLost_BeginsALargerEpoch()
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);
        for (var loss = 1; loss <= 2; loss++)
        {
            for (var i = 0; i < 5; i++)
            {
                await node.AppendAsync(Hub, s_group, $"{i}", $"key {i}");
            }

            var old = await node.GetEndAsync(Hub);
            await other.Received.WaitForAsync(Hub.Name, old);
            await CutAsync();
            await WaitUntilAwayAsync([node, other], loss);
            await RestartServerAsync(keepsData: false);
            await RestoreAsync();
            await WaitUntilBackAsync([node, other], loss);

            var end = await other.GetEndAsync(Hub);
            Assert.InRange(end.Epoch, old.Epoch + 1, long.MaxValue);
            Assert.Equal(0, end.Offset);
            Assert.False((await node.ReadPageAsync(Hub, Query([s_group], old))).IsKnown);
            var first = await node.AppendAsync(Hub, s_group, "new", "key 0");
            Assert.False(first.IsRepeat);
            Assert.Equal((new LogPosition(end.Epoch, 1), 0), (first.Position, first.PreviousOffset));

            var received = (await other.Received.WaitForAsync(Hub.Name, first.Position))[^1];
            Assert.Equal((first.Position, 0), (received.Position, received.Entry.PreviousOffset));
            Assert.False((await other.ReadPageAsync(Hub, Query(null, old))).IsKnown);
            Assert.Equal(["new"], Texts(await other.ReadAllAsync(Hub, targets: null)));
            Assert.Equal(first.Position, await (await StartNodeAsync()).GetEndAsync(Hub));
        }

        var epochs = other.Received.Entries(Hub.Name).Select(static received => received.Epoch).ToArray();
        Assert.Equal(epochs.Order(), epochs);
    }

    private async Task<LogAppendResult> AppendPatientlyAsync(MessageLogNode node, string text)
    {
        LogAppendResult? result = null;
        await Eventually.TrueAsync(
            async () =>
            {
                await IsTakenAsync(async () => result = await node.AppendAsync(Hub, s_group, text, text));
                return result is not null;
            },
            "an append is answered again");
        return result!.Value; // it holds now
    }

    /// <summary>Appends one after the other, and keeps what became of each.</summary>
    private sealed class Flow
    {
        private readonly List<(string Text, LogPosition Position)> _answered = [];
        private readonly List<string> _refused = [];
        private int _answeredCount;
        private int _attemptCount;

        public int AnsweredCount => Volatile.Read(ref _answeredCount);

        public async Task<bool> AppendAsync(MessageLogNode node, LogHub hub, string text)
        {
            try
            {
                _answered.Add((text, (await node.AppendAsync(hub, s_group, text)).Position));
                Volatile.Write(ref _answeredCount, _answered.Count);
                return true;
            }
            catch (MessageLogUnavailableException exception)
            {
                if (!exception.IsOutcomeUnknown)
                {
                    _refused.Add(text);
                }

                return false;
            }
            finally
            {
                Interlocked.Increment(ref _attemptCount);
            }
        }

        /// <summary>Waits until one more append has ended that began after this was called.</summary>
        public Task WaitForAttemptAsync()
        {
            var before = Volatile.Read(ref _attemptCount);
            return Eventually.TrueAsync(() => Volatile.Read(ref _attemptCount) >= before + 2, "an append ends");
        }

        /// <summary>Asserts that answered ones stand where it was said, that certain failures do not stand, and that nothing stands twice.</summary>
        public void AssertStandsIn(IReadOnlyList<LogEntry> log)
        {
            var texts = Texts(log);
            Assert.Equal(texts.Distinct(), texts);
            Assert.Empty(texts.Intersect(_refused));
            var offsets = texts.Zip(log, static (text, entry) => (text, entry.Offset)).ToDictionary(static pair => pair.text, static pair => pair.Offset);
            Assert.All(_answered, answered => Assert.Equal(answered.Position.Offset, offsets[answered.Text]));
            Assert.Equal(_answered.Select(static answered => answered.Position.Offset).Order(), _answered.Select(static answered => answered.Position.Offset));
        }
    }
}
