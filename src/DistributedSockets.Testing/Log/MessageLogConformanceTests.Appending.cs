using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets.Testing;

public abstract partial class MessageLogConformanceTests
{
    [Fact]
    public async Task Append_FirstEntries_CountFromOneAndNameTheirPredecessor()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);

        for (var i = 1; i <= 5; i++)
        {
            var result = await appender.AppendAsync(Hub, i % 2 == 0 ? s_group : LogTarget.All, $"{i}");

            Assert.Equal(i, result.Position.Offset);
            Assert.Equal(i - 1, result.PreviousOffset);
            Assert.False(result.IsRepeat);
            Assert.InRange(result.Position.Epoch, 1, long.MaxValue);
            var received = (await other.Received.WaitForAsync(Hub.Name, result.Position))[^1];
            Assert.Equal(result.Position, received.Position);
            Assert.Equal(i - 1, received.Entry.PreviousOffset);
        }

        Assert.Equal(["1", "2", "3", "4", "5"], Texts(AssertUnbroken(other.Received.Entries(Hub.Name))));
    }

    [Fact]
    public async Task Append_AtOnceAtTwoNodes_OffsetsHaveNoHoleAndTheOrderIsOne()
    {
        const int count = 250;
        MessageLogNode[] nodes = [await StartNodeAsync(), await StartNodeAsync()];
        var observer = await StartNodeAsync();
        await Task.WhenAll(nodes.Append(observer).Select(node => node.SubscribeAsync(Hub)));

        var results = (await Task.WhenAll(nodes.Select((node, index) => Task.Run(
            () => Task.WhenAll(Enumerable.Range(0, count).Select(i => node.AppendAsync(Hub, LogTarget.Group($"g{i % 7}"), $"{index}:{i}")).ToArray())))))
            .SelectMany(static all => all).ToArray();

        Assert.Equal(Enumerable.Range(1, 2 * count).Select(static i => (long)i), results.Select(static result => result.Position.Offset).Order());
        Assert.Single(results.Select(static result => result.Position.Epoch).Distinct());
        Assert.All(results, static result => Assert.Equal(result.Position.Offset - 1, result.PreviousOffset));
        var all = await observer.ReadAllAsync(Hub, targets: null);
        Assert.Equal(2 * count, all.Count);
        foreach (var node in nodes.Append(observer))
        {
            var received = await node.Received.WaitForAsync(Hub.Name, new LogPosition(results[0].Position.Epoch, 2 * count));
            AssertSame(all, AssertUnbroken(received));
        }
    }

    [Fact]
    public async Task Append_CallsNotAwaitedInBetween_StandInCallOrder()
    {
        const int count = 500;
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());

        await Task.WhenAll(Enumerable.Range(0, count).Select(i => appender.AppendAsync(Hub, LogTarget.Group($"g{i % 5}"), $"{i}")).ToArray());

        Assert.Equal(Enumerable.Range(0, count).Select(static i => $"{i}"), Texts(await other.ReadAllAsync(Hub, targets: null)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(64 * 1024)]
    [InlineData(1024 * 1024)]
    public async Task Append_AnySize_IsReceivedAndReadUnchanged(int size)
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await appender.SubscribeAsync(Hub);
        await other.SubscribeAsync(Hub);
        var payload = new byte[size];
        new Random(size).NextBytes(payload);

        var result = await appender.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = payload });

        foreach (var node in new[] { appender, other })
        {
            var received = Assert.Single(await node.Received.WaitForAsync(Hub.Name, result.Position)).Entry;
            Assert.True(payload.AsSpan().SequenceEqual(received.Payload.Span));
            AssertSame([received], await node.ReadAllAsync(Hub, [s_group]));
            AssertSame([received], await node.ReadAllAsync(Hub, targets: null));
        }
    }

    [Fact]
    public async Task Append_CallerReusesBufferAfterwards_LogKeepsWhatWasAppended()
    {
        const int count = 100;
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await appender.SubscribeAsync(Hub);
        await other.SubscribeAsync(Hub);
        var buffer = new byte[256];
        LogPosition last = default;
        for (var i = 0; i < count; i++)
        {
            Array.Fill(buffer, (byte)i);
            last = (await appender.AppendAsync(Hub, new LogAppend { Targets = [s_group], Payload = buffer })).Position;
            Array.Fill(buffer, byte.MaxValue);
        }

        await appender.Received.WaitForAsync(Hub.Name, last);
        await other.Received.WaitForAsync(Hub.Name, last);
        AssertIntact(AssertUnbroken(appender.Received.Entries(Hub.Name)));
        AssertIntact(AssertUnbroken(other.Received.Entries(Hub.Name)));
        AssertIntact(await other.ReadAllAsync(Hub, [s_group]));

        static void AssertIntact(IReadOnlyList<LogEntry> entries)
        {
            Assert.Equal(count, entries.Count);
            Assert.All(entries, static (entry, i) =>
            {
                Assert.Equal(256, entry.Payload.Length);
                Assert.Equal(-1, entry.Payload.Span.IndexOfAnyExcept((byte)i));
            });
        }
    }

    [Fact]
    public async Task Append_SeveralTargets_IsOneEntryUnderEach()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);
        LogTarget[] targets = [LogTarget.All, LogTarget.User("alice"), LogTarget.Group("alice"), LogTarget.Connection("alice")];

        var one = await appender.AppendAsync(Hub, targets, "one");
        var two = await appender.AppendAsync(Hub, LogTarget.User("bob"), "two");

        Assert.Equal(one.Position.Offset, two.PreviousOffset);
        var received = AssertUnbroken(await other.Received.WaitForAsync(Hub.Name, two.Position));
        Assert.Equal(["one", "two"], Texts(received));
        foreach (var target in targets)
        {
            AssertSame([received[0]], await other.ReadAllAsync(Hub, [target]));
        }

        AssertSame([received[0]], await other.ReadAllAsync(Hub, targets));
        AssertSame(received, await other.ReadAllAsync(Hub, [LogTarget.User("bob"), .. targets]));
        AssertSame(received, await other.ReadAllAsync(Hub, targets: null));
    }

    [Fact]
    public async Task Append_MostTargets_IsOneEntryUnderEach()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);
        LogTarget[] targets = [.. Enumerable.Range(0, LogQuery.MaxTargets).Select(static i => LogTarget.User($"user-with-a-name-of-some-length-{i}"))];

        var first = await appender.AppendAsync(Hub, targets, "to most");
        var second = await appender.AppendAsync(Hub, targets[7], "to one");

        Assert.Equal(["to most", "to one"], Texts(AssertUnbroken(await other.Received.WaitForAsync(Hub.Name, second.Position))));
        Assert.Equal(["to most"], Texts(await other.ReadAllAsync(Hub, [targets[0]])));
        Assert.Equal(["to most", "to one"], Texts(await other.ReadAllAsync(Hub, [targets[7]])));
        Assert.Equal(["to most"], Texts(await other.ReadAllAsync(Hub, [targets[^1]])));
        Assert.Equal(["to most", "to one"], Texts(await other.ReadAllAsync(Hub, targets)));
        Assert.Equal([first.Position.Offset, second.Position.Offset], (await other.ReadAllAsync(Hub, targets: null)).Select(static entry => entry.Offset));
    }

    [Fact]
    public async Task Append_TrickyNames_EachStandsUnderItsOwn()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        LogTarget[] targets =
        [
            LogTarget.All,
            .. TrickyNames.All.Append("A").Append("Case").Append("case").Distinct().SelectMany(static name => new[] { LogTarget.User(name), LogTarget.Group(name), LogTarget.Connection(name) }),
        ];

        await Task.WhenAll(targets.Select((target, index) => appender.AppendAsync(Hub, target, $"{index}")));

        for (var i = 0; i < targets.Length; i++)
        {
            Assert.Equal([$"{i}"], Texts(await other.ReadAllAsync(Hub, [targets[i]])));
        }

        Assert.Equal(targets.Length, (await other.ReadAllAsync(Hub, targets)).Count);
    }

    [Theory]
    [InlineData('x')]
    [InlineData('\u00fc')]
    public async Task Append_LongestName_Works(char letter)
    {
        const int longest = 1_024;
        var node = await StartNodeAsync();
        var name = new string(letter, longest / Encoding.UTF8.GetByteCount([letter]));
        var sibling = name[..^1] + new string('y', longest - Encoding.UTF8.GetByteCount(name[..^1]));

        await node.AppendAsync(Hub, LogTarget.Group(name), "own");
        await node.AppendAsync(Hub, LogTarget.Group(sibling), "of the sibling");

        Assert.Equal(["own"], Texts(await node.ReadAllAsync(Hub, [LogTarget.Group(name)])));
        Assert.Equal(["of the sibling"], Texts(await node.ReadAllAsync(Hub, [LogTarget.Group(sibling)])));
    }

    [Fact]
    public async Task Append_HubNamesThatLookAlike_EachCountsForItself()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        LogHub[] hubs = [.. new[] { "a.b", "a-b", "a_b", "ab", "a", "a.", "-", "_", ".", new string('x', 64), new string('x', 63) }.Select(static name => NewHub(name))];
        await other.SubscribeAsync(hubs);

        foreach (var hub in hubs)
        {
            Assert.Equal(1, (await appender.AppendAsync(hub, s_group, $"1 of {hub.Name}")).Position.Offset);
        }

        foreach (var hub in hubs)
        {
            var second = await appender.AppendAsync(hub, s_group, $"2 of {hub.Name}");
            string[] expected = [$"1 of {hub.Name}", $"2 of {hub.Name}"];
            Assert.Equal(2, second.Position.Offset);
            Assert.Equal(expected, Texts(AssertUnbroken(await other.Received.WaitForAsync(hub.Name, second.Position))));
            Assert.Equal(expected, Texts(await other.ReadAllAsync(hub, [s_group])));
            Assert.Equal(expected, Texts(await other.ReadAllAsync(hub, targets: null)));
        }
    }

    [Fact]
    public async Task Append_OtherCluster_CountsAndIsReadForItself()
    {
        var (node, stranger) = (await StartNodeAsync(), await StartNodeAsync(Cluster + "-other"));
        await node.SubscribeAsync(Hub);
        await stranger.SubscribeAsync(Hub);

        var ours = await node.AppendAsync(Hub, s_group, "ours", "key");
        var theirs = await stranger.AppendAsync(Hub, s_group, "theirs", "key");

        Assert.Equal((1, 1), (ours.Position.Offset, theirs.Position.Offset));
        Assert.False(theirs.IsRepeat);
        Assert.Equal(["ours"], Texts(await node.Received.WaitForAsync(Hub.Name, ours.Position)));
        Assert.Equal(["theirs"], Texts(await stranger.Received.WaitForAsync(Hub.Name, theirs.Position)));
        Assert.Equal(["ours"], Texts(await node.ReadAllAsync(Hub, targets: null)));
        Assert.Equal(["theirs"], Texts(await stranger.ReadAllAsync(Hub, [s_group])));
    }

    [Fact]
    public async Task Append_ByTheClockOfTheLog_IsDated()
    {
        var (appender, other) = (await StartNodeAsync(), await StartNodeAsync());
        await other.SubscribeAsync(Hub);

        await appender.AppendAsync(Hub, s_group, "one");
        await PassAsync(TimeSpan.FromMilliseconds(20));
        var last = await appender.AppendAsync(Hub, s_group, "two");

        var received = AssertUnbroken(await other.Received.WaitForAsync(Hub.Name, last.Position));
        Assert.All(received, entry => Assert.InRange(entry.AppendedAt, Now - TimeSpan.FromHours(1), Now + TimeSpan.FromHours(1)));
        Assert.True(received[1].AppendedAt > received[0].AppendedAt, "The second entry is dated no later than the first one.");
        AssertSame(received, await other.ReadAllAsync(Hub, [s_group]));
    }

    private static byte[] Numbered(int index)
    {
        var payload = new byte[sizeof(int) + (index * 37 % 2_000)];
        Array.Fill(payload, (byte)index);
        BinaryPrimitives.WriteInt32LittleEndian(payload, index);
        return payload;
    }
}
