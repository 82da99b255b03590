using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IBackplane"/> promises. Derive from it once for each implementation and transport.</summary>
/// <remarks>
/// Silence is proven by a fence: a later payload on the same channel has arrived, so an earlier one that was going to arrive has too.
/// </remarks>
public abstract class BackplaneConformanceTests : BackplaneSuite
{
    private const string Fence = "fence";
    private const int TenThousand = 10_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

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
        await PassByAsync(publisher, subscriber);
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

    [Fact]
    public async Task Publish_PayloadHandedOver_IsNeverChangedAfterwards()
    {
        const int count = 300;
        var (publisher, subscriber, observer) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        string[] channels = [Channel, Channel + ":2", Channel + ":3"];
        await subscriber.SubscribeAsync(channels);
        await observer.SubscribeAsync(channels);
        await PublishAllAsync();
        foreach (var channel in channels)
        {
            await subscriber.Received.WaitForAsync(channel, count);
            await observer.Received.WaitForAsync(channel, count);
        }

        // A backplane that lends memory takes it back when a channel or a node goes, or uses it again for what comes next.
        var kept = channels.ToDictionary(channel => channel, channel => subscriber.Received.Payloads(channel));
        await subscriber.UnsubscribeAsync(channels[0]);
        await subscriber.DisposeAsync().WithinGuardAsync();
        await PublishAllAsync();
        foreach (var channel in channels)
        {
            await observer.Received.WaitForAsync(channel, 2 * count);
            Assert.All(kept[channel].Concat(observer.Received.Payloads(channel)), (payload, i) => Assert.True(Payload(i % count).AsSpan().SequenceEqual(payload.Span)));
        }

        Task PublishAllAsync() => Task.WhenAll(channels.SelectMany(channel => Enumerable.Range(0, count).Select(i => publisher.PublishAsync(channel, Payload(i)))));

        static byte[] Payload(int index)
        {
            var payload = new byte[sizeof(int) + (index * 37 % 2_000)];
            Array.Fill(payload, (byte)index);
            BinaryPrimitives.WriteInt32LittleEndian(payload, index);
            return payload;
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

        await publisher.PublishAsync(Channel, "hello");
        await PassByAsync(publisher, subscriber);
        await publisher.PublishAsync(Channel, Fence);

        Assert.Equal(["hello", Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
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
        await PassByAsync(publisher, subscriber);
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
    public async Task Subscribe_TenThousandChannels_EachHearsItsOwnUntilGivenUp()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        string[] channels = [.. Enumerable.Range(0, TenThousand).Select(i => $"{Channel}:{i}")];

        await ForAllAsync(channels, channel => subscriber.SubscribeAsync(channel));
        await ForAllAsync(channels, channel => publisher.PublishAsync(channel, channel));
        foreach (var channel in channels)
        {
            Assert.Equal([channel], await subscriber.Received.WaitForAsync(channel, 1));
        }

        await ForAllAsync(channels, subscriber.UnsubscribeAsync);
        await ForAllAsync(channels, async channel =>
        {
            var taken = await publisher.PublishAsync(channel, "unheard");
            Assert.True(taken is null or 0, $"Nobody took it, but {taken} were counted.");
        });
        await PassByAsync(publisher, subscriber);
        string[] again = [.. channels.Where(static (_, index) => index % 100 == 0)];
        await subscriber.SubscribeAsync(again);
        await ForAllAsync(again, channel => publisher.PublishAsync(channel, Fence));
        foreach (var channel in again)
        {
            Assert.Equal([channel, Fence], await subscriber.Received.WaitForAsync(channel, Fence));
        }

        Assert.All(channels.Except(again), channel => Assert.Equal([channel], subscriber.Received.Texts(channel)));
        Assert.Empty(subscriber.Received.Reports);
    }

    [Fact]
    public async Task Unsubscribe_TenThousandChannels_NothingIsHeldOfThem()
    {
        await using var backplane = CreateBackplane(Cluster);
        var receiver = new CountingReceiver();
        await backplane.StartAsync(receiver, Cancellation).WithinGuardAsync();

        var names = await UseChannelsAsync(backplane, receiver, TenThousand);

        await Eventually.TrueAsync(() => Garbage.CountAlive(names) <= TenThousand / 100, "the backplane has forgotten the names of the channels that were given up");
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
        await PassByAsync(publisher, subscriber);
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
        const int workers = 8, rounds = 25;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        var sent = 0;
        var churn = Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            for (var i = 0; i < rounds; i++)
            {
                var channel = $"{Channel}:{worker}:{i % 3}";
                await subscriber.SubscribeAsync(channel);
                await publisher.PublishAsync(channel, "noise");
                await subscriber.UnsubscribeAsync(channel);
            }
        })));
        while (sent < 500 || (!churn.IsCompleted && sent < 20_000))
        {
            await publisher.PublishAsync(Channel, $"{sent++}");
        }

        await churn;
        for (var i = 0; i < rounds; i++)
        {
            // With nothing else that a clumsy change could hit.
            await subscriber.SubscribeAsync($"{Channel}:{i % 3}");
            await publisher.PublishAsync(Channel, $"{sent++}");
            await subscriber.UnsubscribeAsync($"{Channel}:{i % 3}");
            await publisher.PublishAsync(Channel, $"{sent++}");
        }

        Assert.Equal(Enumerable.Range(0, sent).Select(i => $"{i}"), await subscriber.Received.WaitForAsync(Channel, sent));
    }

    [Fact]
    public async Task AnyCall_TokenCancelledBefore_ThrowsOnlyThatAndHarmsNothing()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);
        var other = Channel + ":other";
        var cancelled = new CancellationToken(canceled: true);

        await AssertCompletesOrIsCancelledAsync(async () => await node.Backplane.PublishAsync(Channel, new byte[1], cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Backplane.SubscribeAsync(other, cancelled));
        await AssertCompletesOrIsCancelledAsync(async () => await node.Backplane.UnsubscribeAsync(other, cancelled));

        await node.SubscribeAsync(other);
        await node.PublishAsync(other, Fence);
        await node.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(other, Fence));
        Assert.Equal(Fence, (await node.Received.WaitForAsync(Channel, Fence))[^1]);
    }

    [Fact]
    public async Task AnyCall_TokenCancelledMeanwhile_EndsAndHarmsNothing()
    {
        const int count = 25;
        var (publisher, node) = (await StartNodeAsync(), await StartNodeAsync());
        await node.SubscribeAsync(Channel);
        for (var i = 0; i < count; i++)
        {
            var channel = $"{Channel}:{i}";
            await CancelMeanwhileAsync(token => publisher.Backplane.PublishAsync(Channel, new[] { (byte)i }, token).AsTask());
            await CancelMeanwhileAsync(token => node.Backplane.SubscribeAsync(channel, token).AsTask());
            await node.SubscribeAsync(channel);
            await publisher.PublishAsync(channel, "one");
            await node.Received.WaitForAsync(channel, "one");
            await CancelMeanwhileAsync(token => node.Backplane.UnsubscribeAsync(channel, token).AsTask());
            await node.UnsubscribeAsync(channel);
            await publisher.PublishAsync(channel, "two");
            await PassByAsync(publisher, node);
            await node.SubscribeAsync(channel);
            await publisher.PublishAsync(channel, "three");
        }

        await publisher.PublishAsync(Channel, Fence);
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(["one", "three"], await node.Received.WaitForAsync($"{Channel}:{i}", "three"));
        }

        var received = await node.Received.WaitForAsync(Channel, Fence);
        Assert.Equal(received.SkipLast(1).Distinct().Order(StringComparer.Ordinal), received.SkipLast(1));
    }

    [Fact]
    public async Task AnyCall_FromManyThreads_EachDoesItsWork()
    {
        const int workers = 8;
        const int rounds = 20;
        var (node, other) = (await StartNodeAsync(), await StartNodeAsync());
        await node.SubscribeAsync(Channel);

        await Task.WhenAll(Enumerable.Range(0, workers).Select(worker => Task.Run(async () =>
        {
            var publisher = worker % 2 == 0 ? node : other;
            for (var i = 0; i < rounds; i++)
            {
                var channel = $"{Channel}:{worker}:{i}";

                // Two at once, so that calls overlap however few threads there are.
                await Task.WhenAll(node.SubscribeAsync(channel), node.SubscribeAsync(channel + ":too"));
                await Task.WhenAll(publisher.PublishAsync(channel, "hello"), publisher.PublishAsync(channel + ":too", "hello"));
                await publisher.PublishAsync(Channel, $"{worker}:{i}");
                Assert.Equal(["hello"], await node.Received.WaitForAsync(channel, 1));
                Assert.Equal(["hello"], await node.Received.WaitForAsync(channel + ":too", 1));
                await Task.WhenAll(node.UnsubscribeAsync(channel), node.UnsubscribeAsync(channel + ":too"));
            }
        })));

        var received = await node.Received.WaitForAsync(Channel, workers * rounds);
        for (var worker = 0; worker < workers; worker++)
        {
            Assert.Equal(
                Enumerable.Range(0, rounds).Select(i => $"{worker}:{i}"),
                received.Where(text => text.StartsWith($"{worker}:", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task AnyCall_AfterDispose_IsRefusedOrHasNoEffect()
    {
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Channel);
        await staying.SubscribeAsync(Channel);
        await leaving.DisposeAsync().WithinGuardAsync();

        Assert.False(await IsTakenAsync(() => leaving.PublishAsync(Channel, "lost")));
        await IsTakenAsync(() => leaving.SubscribeAsync(Channel, Channel + ":other"));
        await IsTakenAsync(() => leaving.UnsubscribeAsync(Channel));

        var taken = await staying.PublishAsync(Channel + ":other", "unheard");
        await staying.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await staying.Received.WaitForAsync(Channel, Fence));
        await PassByDisposedAsync(staying, staying);
        Assert.True(taken is null or 0, $"Nobody took it, but {taken} were counted.");
        Assert.Empty(leaving.Received.Texts(Channel));
        Assert.Empty(leaving.Received.Texts(Channel + ":other"));
    }

    [Fact]
    public async Task AnyCall_ChannelMissing_ThrowsArgumentException()
    {
        var backplane = (await StartNodeAsync()).Backplane;

        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.PublishAsync(null!, default, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.PublishAsync("", default, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.SubscribeAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.SubscribeAsync("", Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.UnsubscribeAsync(null!, Cancellation));
        await Assert.ThrowsAnyAsync<ArgumentException>(async () => await backplane.UnsubscribeAsync("", Cancellation));
    }

    [Fact]
    public async Task Start_NoReceiver_ThrowsArgumentNullException()
    {
        await using var backplane = CreateBackplane(Cluster);

        await Assert.ThrowsAsync<ArgumentNullException>(async () => await backplane.StartAsync(null!, Cancellation));
    }

    [Fact]
    public async Task Start_TokenCancelledBefore_ThrowsOnlyThat()
    {
        await using var backplane = CreateBackplane(Cluster);

        await AssertCompletesOrIsCancelledAsync(async () => await backplane.StartAsync(new RecordingReceiver(), new CancellationToken(canceled: true)));

        await backplane.DisposeAsync().WithinGuardAsync();
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
        await PassByDisposedAsync(publisher, staying);
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
    public async Task Dispose_FromSeveralThreads_EachReturnsWhenAllIsOver()
    {
        const int threads = 8;
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Channel);
        await staying.SubscribeAsync(Channel);
        using var start = new Barrier(threads);

        // What is published after any of them has returned must not arrive.
        await Task.WhenAll(Enumerable.Range(0, threads).Select(_ => Task.Factory.StartNew(
            async () =>
            {
                Assert.True(start.SignalAndWait(Eventually.Guard, Cancellation));
                await leaving.DisposeAsync().WithinGuardAsync();
                await staying.PublishAsync(Channel, "unheard");
            },
            Cancellation, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap()));
        await staying.Received.WaitForAsync(Channel, threads);
        await PassByDisposedAsync(staying, staying);

        Assert.Empty(leaving.Received.Texts(Channel));
        Assert.Empty(leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_WhileCallsRun_TheyEndAndNothingIsLeft()
    {
        const int workers = 4;
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Channel);
        string[][] channels = [.. Enumerable.Range(0, workers).Select(worker => Enumerable.Range(0, 25).Select(i => $"{Channel}:{worker}:{i}").ToArray())];
        var disposed = false;
        var running = channels.Select(own => Task.Run(async () =>
        {
            // Once more when it is disposed.
            var isLast = false;
            for (var i = 0; !isLast; i = (i + 1) % own.Length)
            {
                isLast = Volatile.Read(ref disposed);
                await IsTakenAsync(() => leaving.SubscribeAsync(own[i]));
                await IsTakenAsync(() => leaving.PublishAsync(own[i], "hello"));
                await IsTakenAsync(() => leaving.PublishAsync(Channel, "hello"));
                await IsTakenAsync(() => leaving.UnsubscribeAsync(own[(i + 1) % own.Length]));
                await Task.Yield();
            }
        })).ToArray();
        await leaving.Received.WaitForAsync(Channel, 100);

        await leaving.DisposeAsync().WithinGuardAsync();
        var received = leaving.Received.Payloads(Channel).Count;
        Volatile.Write(ref disposed, true);
        await Task.WhenAll(running).WithinGuardAsync();

        await staying.SubscribeAsync(Channel);
        foreach (var channel in channels.SelectMany(static own => own))
        {
            // A server may notice a moment later that a connection was closed.
            var taken = await staying.PublishAsync(channel, "unheard");
            for (var again = 0; taken is > 0 && again < 1_000; again++)
            {
                taken = await staying.PublishAsync(channel, "unheard");
            }

            Assert.True(taken is null or 0, $"Nobody took it, but {taken} were counted.");
            Assert.DoesNotContain("unheard", leaving.Received.Texts(channel));
        }

        await staying.PublishAsync(Channel, Fence);
        await staying.Received.WaitForAsync(Channel, Fence);
        await PassByDisposedAsync(staying, staying);
        Assert.Equal(received, leaving.Received.Payloads(Channel).Count);
        Assert.Empty(leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_SubscribedNode_NothingHoldsItAnyMore()
    {
        var staying = await StartNodeAsync();

        var gone = await UseAndDisposeAsync(staying);

        await Eventually.TrueAsync(() => Garbage.CountAlive(gone) == 0, "the disposed backplane, its receiver and its channels can be collected");
        await staying.SubscribeAsync(Channel);
        await staying.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await staying.Received.WaitForAsync(Channel, Fence));
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

    private static async Task ForAllAsync(IEnumerable<string> channels, Func<string, Task> call)
    {
        foreach (var batch in channels.Chunk(250))
        {
            await Task.WhenAll(batch.Select(call));
        }
    }

    /// <summary>Whether a call succeeded, rather than being refused because the backplane is disposed.</summary>
    private static async Task<bool> IsTakenAsync(Func<Task> call)
    {
        try
        {
            await call();
            return true;
        }
        catch (Exception exception) when (exception is BackplaneUnavailableException or ObjectDisposedException)
        {
            return false;
        }
    }

    private static async Task CancelMeanwhileAsync(Func<CancellationToken, Task> call)
    {
        using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        var running = call(cancelling.Token);
        await cancelling.CancelAsync();
        await AssertCompletesOrIsCancelledAsync(() => running);
    }

    // What these two use lives in them alone, so that afterwards only the backplane can hold it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference[]> UseChannelsAsync(IBackplane backplane, CountingReceiver receiver, int count)
    {
        string[] channels = [.. Enumerable.Range(0, count).Select(i => $"{Channel}:{i}")];
        await ForAllAsync(channels, channel => backplane.SubscribeAsync(channel, Cancellation).WithinGuardAsync());
        await ForAllAsync(channels, channel => backplane.PublishAsync(channel, new byte[1], Cancellation).WithinGuardAsync());
        await Eventually.TrueAsync(() => receiver.Count >= count, "each channel has had its payload");
        await ForAllAsync(channels, channel => backplane.UnsubscribeAsync(channel, Cancellation).WithinGuardAsync());
        return [.. channels.Select(static channel => new WeakReference(channel))];
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private async Task<WeakReference[]> UseAndDisposeAsync(BackplaneNode other)
    {
        const int count = 100;
        string[] channels = [.. Enumerable.Range(0, count).Select(i => $"{Channel}:{i}")];
        var (backplane, receiver) = (CreateBackplane(Cluster), new CountingReceiver());
        await backplane.StartAsync(receiver, Cancellation).WithinGuardAsync();
        await ForAllAsync(channels, channel => backplane.SubscribeAsync(channel, Cancellation).WithinGuardAsync());
        await ForAllAsync(channels, channel => other.PublishAsync(channel, new string(channel.AsSpan())));
        await Eventually.TrueAsync(() => receiver.Count >= count, "each channel has had its payload");
        await backplane.DisposeAsync().WithinGuardAsync();
        return [new(backplane), new(receiver), .. channels.Select(static channel => new WeakReference(channel))];
    }

    private static async Task AssertCompletesOrIsCancelledAsync(Func<Task> call)
    {
        try
        {
            await call().WithinGuardAsync();
        }
        catch (OperationCanceledException)
        {
            Assert.False(Cancellation.IsCancellationRequested);
        }
    }

    /// <summary>Counts what it is handed and keeps nothing.</summary>
    private sealed class CountingReceiver : IBackplaneReceiver
    {
        private int _count;

        public int Count => Volatile.Read(ref _count);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => Interlocked.Increment(ref _count);

        public void OnUnavailable(Exception? cause)
        {
        }

        public void OnAvailable()
        {
        }

        public void OnPossibleLoss(string description)
        {
        }
    }
}
