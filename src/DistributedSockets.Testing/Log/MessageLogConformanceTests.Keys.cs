namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task Append_SameKeyAgain_AnswersTheFirstAndAppendsNothing()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);
        var first = await appender.AppendAsync(Hub, s_group, "first", "key");
        await appender.AppendAsync(Hub, s_group, "between");

        var repeats = new[]
        {
            await appender.AppendAsync(Hub, s_group, "first", "key"),
            await other.AppendAsync(Hub, s_group, "other text", "key"),
            await other.AppendAsync(Hub, [LogTarget.User("other target"), LogTarget.All], "first", "key"),
        };

        var last = await appender.AppendAsync(Hub, s_group, "last");
        Assert.False(first.IsRepeat);
        Assert.All(repeats, repeat => Assert.True(repeat.IsRepeat));
        Assert.All(repeats, repeat => Assert.Equal(first.Position, repeat.Position));
        Assert.All(repeats, repeat => Assert.Null(repeat.PreviousOffset));
        Assert.Equal(3, last.Position.Offset);
        Assert.Equal(["first", "between", "last"], Texts(AssertUnbroken(await other.Received.WaitForAsync(Hub.Name, last.Position))));
        Assert.Equal(["first", "between", "last"], Texts(await other.ReadAllAsync(Hub, targets: null)));
        Assert.Empty(await other.ReadAllAsync(Hub, [LogTarget.User("other target"), LogTarget.All]));
    }

    [Fact]
    public async Task Append_SameKeyInAnotherHub_IsAnother()
    {
        var node = await StartNodeAsync();
        var other = NewHub("other");

        var first = await node.AppendAsync(Hub, s_group, "one", "key");
        var second = await node.AppendAsync(other, s_group, "two", "key");

        Assert.False(first.IsRepeat);
        Assert.False(second.IsRepeat);
        Assert.Equal(["two"], Texts(await node.ReadAllAsync(other, [s_group])));
    }

    [Fact]
    public async Task Append_AnyKey_IsTakenLiterally()
    {
        var node = await StartNodeAsync();
        string[] keys = [.. TrickyNames.All];
        var first = new List<LogAppendResult>();
        foreach (var key in keys)
        {
            first.Add(await node.AppendAsync(Hub, s_group, "x", key));
        }

        Assert.All(first, static result => Assert.False(result.IsRepeat));
        for (var i = 0; i < keys.Length; i++)
        {
            var again = await node.AppendAsync(Hub, s_group, "x", keys[i]);
            Assert.True(again.IsRepeat);
            Assert.Equal(first[i].Position, again.Position);
        }
    }

    [Fact]
    public async Task Append_SameKeyAtOnceAtTwoNodes_OneIsAppended()
    {
        MessageLogNode[] nodes = [await StartNodeAsync(), await StartNodeAsync()];
        for (var round = 1; round <= 20; round++)
        {
            var results = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => Task.Run(() => nodes[i % 2].AppendAsync(Hub, s_group, $"{i}", $"key {round}"))));

            Assert.Single(results, static result => !result.IsRepeat);
            Assert.All(results, result => Assert.Equal(round, result.Position.Offset));
        }

        Assert.Equal(20, (await nodes[0].ReadAllAsync(Hub, [s_group])).Count);
    }

    [Fact]
    public async Task Append_SameKeyAfterTheEntryWasRemoved_StillAnswersTheFirst()
    {
        var node = await StartNodeAsync();
        var hub = NewHub("short", maxEntries: 1);
        var first = await node.AppendAsync(hub, s_group, "first", "key");
        LogPosition last = default;
        for (var i = 0; i < 300; i++)
        {
            last = (await node.AppendAsync(hub, s_group, $"{i}")).Position;
        }

        var again = await node.AppendAsync(hub, s_group, "first", "key");

        Assert.True(again.IsRepeat);
        Assert.Equal(first.Position, again.Position);
        Assert.Equal(last, await node.GetEndAsync(hub));
    }

    [Fact]
    public async Task Append_KeyWhoseTimeIsOver_IsAppendedAgain()
    {
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        var (brief, lasting) = (NewHub("brief", idempotencyTime: ShortAge), NewHub("lasting"));
        var first = await node.AppendAsync(brief, s_group, "first", "key");
        var kept = await node.AppendAsync(lasting, s_group, "first", "key");

        LogAppendResult again = default;
        await Eventually.TrueAsync(
            async () =>
            {
                await PassAsync(ShortAge);
                again = await other.AppendAsync(brief, s_group, "again", "key");
                return !again.IsRepeat;
            },
            "the key is forgotten");

        Assert.Equal(first.Position.Offset + 1, again.Position.Offset);
        Assert.Equal(["first", "again"], Texts(await node.ReadAllAsync(brief, [s_group])));
        var repeat = await other.AppendAsync(lasting, s_group, "again", "key");
        Assert.True(repeat.IsRepeat);
        Assert.Equal(kept.Position, repeat.Position);
    }
}
