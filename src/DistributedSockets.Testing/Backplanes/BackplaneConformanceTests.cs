namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IBackplane"/> promises. Derive from it once for each implementation and transport.</summary>
/// <remarks>
/// Silence is proven by a fence: a later payload on the same channel has arrived, so an earlier one that was going to arrive has too.
/// </remarks>
public abstract class BackplaneConformanceTests : BackplaneSuite
{
    private const string Fence = "fence";

    [Fact]
    public async Task System_Always_IsShortLowerCaseName()
    {
        var node = await StartNodeAsync();

        Assert.Matches("^[a-z][a-z0-9_]{0,31}$", node.Backplane.System);
    }

    [Fact]
    public async Task Start_TransportUp_ReportsNothing()
    {
        var node = await StartNodeAsync();

        await node.SubscribeAsync(Channel);
        await node.PublishAsync(Channel, Fence);
        await node.Received.WaitForAsync(Channel, Fence);

        Assert.Empty(node.Received.Reports);
    }

    [Fact]
    public async Task Publish_SubscriberOnAnotherNode_Arrives()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        await publisher.PublishAsync(Channel, "hello");

        Assert.Equal(["hello"], await subscriber.Received.WaitForAsync(Channel, 1));
    }

    [Fact]
    public async Task Publish_PublisherSubscribed_ArrivesThereToo()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);

        await node.PublishAsync(Channel, "hello");

        Assert.Equal(["hello"], await node.Received.WaitForAsync(Channel, 1));
    }

    [Fact]
    public async Task Publish_SeveralSubscribers_EachGetsItOnce()
    {
        BackplaneNode[] nodes = [await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync()];
        foreach (var node in nodes)
        {
            await node.SubscribeAsync(Channel);
        }

        var taken = await nodes[0].PublishAsync(Channel, "hello");
        await nodes[0].PublishAsync(Channel, Fence);

        Assert.True(taken is null or 3, $"Three nodes took it, but {taken} were counted.");
        foreach (var node in nodes)
        {
            Assert.Equal(["hello", Fence], await node.Received.WaitForAsync(Channel, Fence));
        }
    }

    [Fact]
    public async Task Publish_NobodySubscribed_CountsNobody()
    {
        var node = await StartNodeAsync();

        var taken = await node.PublishAsync(Channel, "hello");

        Assert.True(taken is null or 0, $"Nobody took it, but {taken} were counted.");
    }

    [Fact]
    public async Task Publish_ChannelNotSubscribed_IsNotReceived()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var (other, observer) = (Channel + ":other", await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);
        await observer.SubscribeAsync(other);

        await publisher.PublishAsync(other, "not for you");
        await observer.Received.WaitForAsync(other, 1);
        await subscriber.SubscribeAsync(other);
        await publisher.PublishAsync(other, Fence);

        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(other, Fence));
        Assert.Empty(subscriber.Received.Texts(Channel));
    }

    [Fact]
    public async Task Publish_CallsNotAwaitedInBetween_ArriveInCallOrder()
    {
        const int count = 1_000;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await publisher.SubscribeAsync(Channel);
        await subscriber.SubscribeAsync(Channel);

        await Task.WhenAll(Enumerable.Range(0, count).Select(i => publisher.PublishAsync(Channel, $"{i}")).ToArray());

        var expected = Enumerable.Range(0, count).Select(i => $"{i}");
        Assert.Equal(expected, await publisher.Received.WaitForAsync(Channel, count));
        Assert.Equal(expected, await subscriber.Received.WaitForAsync(Channel, count));
    }

    [Fact]
    public async Task Publish_ManyChannelsAtOnce_OrderIsKeptPerChannel()
    {
        const int channelCount = 16;
        const int count = 100;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var channels = Enumerable.Range(0, channelCount).Select(i => $"{Channel}:{i}").ToArray();
        await subscriber.SubscribeAsync(channels);

        await Task.WhenAll(channels.Select(channel => Task.Run(
            () => Task.WhenAll(Enumerable.Range(0, count).Select(i => publisher.PublishAsync(channel, $"{i}")).ToArray()))));

        foreach (var channel in channels)
        {
            Assert.Equal(Enumerable.Range(0, count).Select(i => $"{i}"), await subscriber.Received.WaitForAsync(channel, count));
        }
    }

    [Fact]
    public async Task Publish_SeveralPublishersOneChannel_OrderIsKeptPerPublisher()
    {
        const int count = 200;
        var subscriber = await StartNodeAsync();
        BackplaneNode[] publishers = [await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync()];
        await subscriber.SubscribeAsync(Channel);

        await Task.WhenAll(publishers.Select((publisher, index) => Task.Run(async () =>
        {
            for (var i = 0; i < count; i++)
            {
                await publisher.PublishAsync(Channel, $"{index}:{i}");
            }
        })));

        var received = await subscriber.Received.WaitForAsync(Channel, count * publishers.Length);
        for (var index = 0; index < publishers.Length; index++)
        {
            Assert.Equal(
                Enumerable.Range(0, count).Select(i => $"{index}:{i}"),
                received.Where(text => text.StartsWith($"{index}:", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task Publish_ConcurrentCallsOneChannel_EachArrivesOnce()
    {
        const int count = 400;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        await Task.WhenAll(Enumerable.Range(0, count).Select(i => Task.Run(() => publisher.PublishAsync(Channel, $"{i}"))));
        await publisher.PublishAsync(Channel, Fence);

        var received = await subscriber.Received.WaitForAsync(Channel, Fence);
        Assert.Equal(count + 1, received.Count);
        Assert.Equal(count + 1, received.Distinct().Count());
    }

    [Fact]
    public async Task Publish_RightAfterSubscribe_Arrives()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        for (var i = 0; i < 100; i++)
        {
            var channel = $"{Channel}:{i}";
            await subscriber.SubscribeAsync(channel);
            await publisher.PublishAsync(channel, "first");
        }

        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(["first"], await subscriber.Received.WaitForAsync($"{Channel}:{i}", 1));
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_537)]
    [InlineData(1024 * 1024)]
    public async Task Publish_AnySize_ArrivesUnchanged(int size)
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await publisher.SubscribeAsync(Channel);
        await subscriber.SubscribeAsync(Channel);
        var payload = new byte[size];
        new Random(size).NextBytes(payload);

        await publisher.PublishAsync(Channel, payload);

        foreach (var node in new[] { publisher, subscriber })
        {
            await node.Received.WaitForAsync(Channel, 1);
            Assert.True(payload.AsSpan().SequenceEqual(Assert.Single(node.Received.Payloads(Channel)).Span));
        }
    }

    [Fact]
    public async Task Publish_CallerReusesBufferAfterwards_ReceiverKeepsWhatWasPublished()
    {
        const int count = 200;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await publisher.SubscribeAsync(Channel);
        await subscriber.SubscribeAsync(Channel);
        var buffer = new byte[256];
        for (var i = 0; i < count; i++)
        {
            Array.Fill(buffer, (byte)i);
            await publisher.PublishAsync(Channel, buffer);
            Array.Fill(buffer, byte.MaxValue);
        }

        foreach (var node in new[] { publisher, subscriber })
        {
            await node.Received.WaitForAsync(Channel, count);
            Assert.All(node.Received.Payloads(Channel), (payload, i) =>
            {
                Assert.Equal(buffer.Length, payload.Length);
                Assert.Equal(-1, payload.Span.IndexOfAnyExcept((byte)i));
            });
        }
    }

    [Theory]
    [InlineData("a*b[c]?", "axbcz")]
    [InlineData("news.*", "news.today")]
    [InlineData("news.>", "news.today")]
    [InlineData("h[ae]llo", "hello")]
    [InlineData("h?llo", "hello")]
    [InlineData("*", "x")]
    [InlineData("a\\*", "a*")]
    [InlineData("Case", "case")]
    [InlineData("caf\u00e9", "cafe\u0301")]
    [InlineData("stra\u00dfe", "strasse")]
    [InlineData("two words\ttab", "two words tab")]
    [InlineData("\u7fa4\u7d44:\ud83d\ude80", "\u7fa4\u7d44:\ud83d\ude81")]
    [InlineData("trailing", "trailing ")]
    public async Task Subscribe_AnyName_IsTakenLiterally(string name, string lookalike)
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var (channel, similar) = ($"{Channel}:{name}", $"{Channel}:{lookalike}");
        await subscriber.SubscribeAsync(channel);
        await publisher.SubscribeAsync(similar);

        await publisher.PublishAsync(similar, "other");
        await publisher.Received.WaitForAsync(similar, 1);
        await publisher.PublishAsync(channel, Fence);

        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(channel, Fence));
        Assert.Empty(subscriber.Received.Texts(similar));
        Assert.Equal(["other"], publisher.Received.Texts(similar));
        Assert.Empty(publisher.Received.Texts(channel));
    }

    [Fact]
    public async Task Subscribe_AllTrickyNamesAtOnce_EachHearsOnlyItsOwn()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        string[] channels = [.. TrickyNames.All.SelectMany(name => new[] { $"{Channel}:user:{name}", $"{Channel}:group:{name}" })];
        await Task.WhenAll(channels.Select(channel => subscriber.SubscribeAsync(channel)));

        await PublishAsync("one");
        await PublishAsync("two");
        foreach (var (channel, index) in channels.Select(static (channel, index) => (channel, index)))
        {
            Assert.Equal([$"one {index}", $"two {index}"], await subscriber.Received.WaitForAsync(channel, $"two {index}"));
        }

        // Giving one up takes nothing from its lookalikes.
        var (given, kept) = (channels.Where(static (_, index) => index % 3 == 0).ToArray(), channels.Where(static (_, index) => index % 3 != 0).ToArray());
        await Task.WhenAll(given.Select(subscriber.UnsubscribeAsync));
        await PublishAsync("three");
        foreach (var channel in kept)
        {
            Assert.Equal(3, (await subscriber.Received.WaitForAsync(channel, 3)).Count);
        }

        Assert.All(given, channel => Assert.Equal(2, subscriber.Received.Texts(channel).Count));

        Task PublishAsync(string text) => Task.WhenAll(channels.Select((channel, index) => publisher.PublishAsync(channel, $"{text} {index}")));
    }

    [Fact]
    public async Task Subscribe_PatternAlone_DoesNotMatchOtherChannels()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync("*", Channel);

        await publisher.PublishAsync(Channel, Fence);

        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        Assert.Empty(subscriber.Received.Texts("*"));
    }

    [Theory]
    [InlineData('x')]
    [InlineData('\u00fc')]
    public async Task Subscribe_LongestName_Works(char letter)
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var width = letter < 128 ? 1 : 2;
        var channel = Channel + new string('x', (1_024 - Channel.Length) % width) + new string(letter, (1_024 - Channel.Length) / width);
        Assert.Equal(1_024, System.Text.Encoding.UTF8.GetByteCount(channel));
        var sibling = channel[..^1] + "y";
        await subscriber.SubscribeAsync(channel);

        await publisher.PublishAsync(sibling, "other");
        await publisher.PublishAsync(channel, Fence);

        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(channel, Fence));
        Assert.Empty(subscriber.Received.Texts(sibling));
    }

    [Fact]
    public async Task Subscribe_Twice_IsTheSameAsOnce()
    {
        var (publisher, subscriber, observer) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await observer.SubscribeAsync(Channel);
        await subscriber.SubscribeAsync(Channel, Channel);

        await publisher.PublishAsync(Channel, "once");
        await publisher.PublishAsync(Channel, Fence);
        Assert.Equal(["once", Fence], await subscriber.Received.WaitForAsync(Channel, Fence));

        await subscriber.UnsubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, "gone");
        await observer.Received.WaitForAsync(Channel, "gone");
        await subscriber.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, "back");
        Assert.Equal(["once", Fence, "back"], await subscriber.Received.WaitForAsync(Channel, "back"));
    }

    [Fact]
    public async Task Subscribe_ManyChannelsAtOnce_EachGetsItsOwn()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var channels = Enumerable.Range(0, 500).Select(i => $"{Channel}:{i}").ToArray();

        await Task.WhenAll(channels.Select(channel => subscriber.SubscribeAsync(channel)));
        await Task.WhenAll(channels.Select(channel => publisher.PublishAsync(channel, channel)));

        foreach (var channel in channels)
        {
            Assert.Equal([channel], await subscriber.Received.WaitForAsync(channel, 1));
        }
    }

    [Fact]
    public async Task Unsubscribe_ThenPublish_IsNotReceived()
    {
        var (publisher, subscriber, observer) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);
        await observer.SubscribeAsync(Channel);

        await subscriber.UnsubscribeAsync(Channel);
        var taken = await publisher.PublishAsync(Channel, "unheard");
        await observer.Received.WaitForAsync(Channel, 1);
        await subscriber.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, Fence);

        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        Assert.Equal(["unheard", Fence], await observer.Received.WaitForAsync(Channel, Fence));
        Assert.True(taken is null or 1, $"One node took it, but {taken} were counted.");
    }

    [Fact]
    public async Task Unsubscribe_NotSubscribed_DoesNothing()
    {
        var node = await StartNodeAsync();

        await node.UnsubscribeAsync(Channel);
        await node.SubscribeAsync(Channel);
        await node.UnsubscribeAsync(Channel + ":other");
        await node.PublishAsync(Channel, Fence);

        Assert.Equal([Fence], await node.Received.WaitForAsync(Channel, Fence));
    }

    [Fact]
    public async Task SubscribeAndUnsubscribe_OverAndOver_LastOneCounts()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        for (var i = 0; i < 50; i++)
        {
            await subscriber.SubscribeAsync(Channel);
            await publisher.PublishAsync(Channel, $"{i}");
            Assert.Equal($"{i}", (await subscriber.Received.WaitForAsync(Channel, i + 1))[i]);
            await subscriber.UnsubscribeAsync(Channel);
        }

        Assert.Equal(Enumerable.Range(0, 50).Select(i => $"{i}"), subscriber.Received.Texts(Channel));
    }

    [Fact]
    public async Task Subscribe_OtherChannelsComingAndGoing_DisturbsNoTraffic()
    {
        const int count = 500;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        var churn = Task.WhenAll(Enumerable.Range(0, 8).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < 25; i++)
            {
                var channel = $"{Channel}:{worker}:{i % 3}";
                await subscriber.SubscribeAsync(channel);
                await publisher.PublishAsync(channel, "noise");
                await subscriber.UnsubscribeAsync(channel);
            }
        })));
        for (var i = 0; i < count; i++)
        {
            await publisher.PublishAsync(Channel, $"{i}");
        }

        await churn;
        Assert.Equal(Enumerable.Range(0, count).Select(i => $"{i}"), await subscriber.Received.WaitForAsync(Channel, count));
    }

    [Fact]
    public async Task AnyCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);
        var other = Channel + ":other";
        var cancelled = new CancellationToken(canceled: true);

        await AssertCompletesOrIsCancelledAsync(node.Backplane.PublishAsync(Channel, new byte[1], cancelled).AsTask());
        await AssertCompletesOrIsCancelledAsync(node.Backplane.SubscribeAsync(other, cancelled).AsTask());
        await AssertCompletesOrIsCancelledAsync(node.Backplane.UnsubscribeAsync(other, cancelled).AsTask());

        await node.SubscribeAsync(other);
        await node.PublishAsync(other, Fence);
        await node.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(other, Fence));
        Assert.Equal(Fence, (await node.Received.WaitForAsync(Channel, Fence))[^1]);
    }

    [Fact]
    public async Task AnyCall_ChannelMissing_ThrowsArgumentException()
    {
        var backplane = (await StartNodeAsync()).Backplane;

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.PublishAsync(null!, default, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.PublishAsync("", default, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.SubscribeAsync(null!, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.SubscribeAsync("", TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.UnsubscribeAsync(null!, TestContext.Current.CancellationToken));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.UnsubscribeAsync("", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Start_NoReceiver_ThrowsArgumentNullException()
    {
        await using var backplane = CreateBackplane(Cluster);

        await Assert.ThrowsAsync<ArgumentNullException>(async () => await backplane.StartAsync(null!, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Dispose_SubscribedNode_ReceivesNothingMoreAndLeavesOthersWorking()
    {
        var (publisher, leaving, staying) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Channel);
        await staying.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, "before");
        await leaving.Received.WaitForAsync(Channel, 1);

        await leaving.DisposeAsync().WithinGuardAsync();
        await publisher.PublishAsync(Channel, "after");

        Assert.Equal(["before", "after"], await staying.Received.WaitForAsync(Channel, 2));
        Assert.Equal(["before"], leaving.Received.Texts(Channel));
        Assert.Empty(leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_Twice_IsTheSameAsOnce()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);

        await Task.WhenAll(node.DisposeAsync().WithinGuardAsync(), node.DisposeAsync().WithinGuardAsync());
        await node.DisposeAsync().WithinGuardAsync();

        var other = await StartNodeAsync();
        await other.SubscribeAsync(Channel);
        await other.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await other.Received.WaitForAsync(Channel, 1));
        Assert.Empty(node.Received.Texts(Channel));
    }

    [Fact]
    public async Task Dispose_NeverStarted_Completes()
    {
        var backplane = CreateBackplane(Cluster);

        await backplane.DisposeAsync().WithinGuardAsync();
    }

    [Fact]
    public async Task Publish_OtherCluster_DoesNotHearIt()
    {
        var other = Cluster + "-other";
        var (node, stranger) = (await StartNodeAsync(), await StartNodeAsync(other));
        var strange = Channel.Replace(Cluster, other, StringComparison.Ordinal);
        await node.SubscribeAsync(Channel);
        await stranger.SubscribeAsync(strange);

        var (ours, theirs) = (await node.PublishAsync(Channel, "ours"), await stranger.PublishAsync(strange, "theirs"));
        await node.PublishAsync(Channel, Fence);
        await stranger.PublishAsync(strange, Fence);

        Assert.Equal(["ours", Fence], await node.Received.WaitForAsync(Channel, Fence));
        Assert.Equal(["theirs", Fence], await stranger.Received.WaitForAsync(strange, Fence));
        Assert.True(ours is null or 1, $"One node took it, but {ours} were counted.");
        Assert.True(theirs is null or 1, $"One node took it, but {theirs} were counted.");
    }

    private static async Task AssertCompletesOrIsCancelledAsync(Task task)
    {
        try
        {
            await task.WithinGuardAsync();
        }
        catch (OperationCanceledException)
        {
            Assert.False(TestContext.Current.CancellationToken.IsCancellationRequested);
        }
    }
}
