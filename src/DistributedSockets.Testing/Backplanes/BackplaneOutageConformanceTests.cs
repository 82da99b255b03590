using System.Globalization;

namespace DistributedSockets.Testing;

/// <summary>What every <see cref="IBackplane"/> promises for the time when its transport is away, and for the time after.</summary>
/// <remarks>
/// For backplanes whose transport can be away: derive from it besides <see cref="BackplaneConformanceTests"/>. Each test object needs a
/// transport of its own, as it is taken away. How soon an outage is noticed is up to the backplane, within <see cref="Eventually.Guard"/>.
/// </remarks>
public abstract class BackplaneOutageConformanceTests : BackplaneSuite
{
    private const string Fence = "fence";

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Takes the whole transport away from all nodes of this object: stops the servers, or cuts the links to them.</summary>
    /// <remarks>Called while there are nodes, and before the first. Returns when nothing passes any more, not when the nodes have noticed.</remarks>
    protected abstract Task CutAsync();

    /// <summary>Gives the transport back, at the same address, whether or not it has kept anything.</summary>
    protected abstract Task RestoreAsync();

    [Fact]
    public async Task Outage_SubscribedNodes_AreToldOnceEachWay()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        await CutAndRestoreAsync([publisher, subscriber]);

        await publisher.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        AssertToldOnceEachWay(publisher, outages: 1);
        AssertToldOnceEachWay(subscriber, outages: 1);
    }

    [Fact]
    public async Task Outage_SeveralTimes_EachIsToldAndHealed()
    {
        const int outages = 3;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        var expected = new List<string>();
        for (var outage = 1; outage <= outages; outage++)
        {
            await publisher.PublishAsync(Channel, $"before {outage}");
            await subscriber.Received.WaitForAsync(Channel, $"before {outage}");
            await CutAndRestoreAsync([publisher, subscriber], outage);
            await publisher.PublishAsync(Channel, $"after {outage}");
            expected.AddRange([$"before {outage}", $"after {outage}"]);
            Assert.Equal(expected, await subscriber.Received.WaitForAsync(Channel, $"after {outage}"));
        }

        AssertToldOnceEachWay(publisher, outages);
        AssertToldOnceEachWay(subscriber, outages);
    }

    [Fact]
    public async Task Start_TransportAway_StartsReportsItAndWorksLater()
    {
        await CutAsync();
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await WaitUntilAwayAsync([publisher, subscriber]);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => publisher.PublishAsync(Channel, "lost"));

        await RestoreAsync();
        await WaitUntilBackAsync([publisher, subscriber]);

        await subscriber.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        AssertToldOnceEachWay(publisher, outages: 1);
        AssertToldOnceEachWay(subscriber, outages: 1);
    }

    [Fact]
    public async Task Publish_TransportAway_ThrowsWithinBoundedTime()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);
        await CutAsync();
        await WaitUntilAwayAsync([publisher, subscriber]);

        for (var i = 0; i < 3; i++)
        {
            await Assert.ThrowsAsync<BackplaneUnavailableException>(() => publisher.PublishAsync(Channel, $"lost {i}"));
        }

        await RestoreAsync();
        await WaitUntilBackAsync([publisher, subscriber]);
        await publisher.PublishAsync(Channel, Fence);
        Assert.Equal(Fence, (await subscriber.Received.WaitForAsync(Channel, Fence))[^1]);
    }

    [Fact]
    public async Task Publish_CancelledWhileTransportIsAway_Ends()
    {
        var node = await StartNodeAsync();
        await CutAsync();
        using var cancelling = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);

        var publish = node.Backplane.PublishAsync(Channel, new byte[10], cancelling.Token).AsTask();
        await cancelling.CancelAsync();

        await EndsInOrderlyWayAsync(publish);
    }

    [Fact]
    public async Task Publish_WhileTransportGoesAndComes_KeepsOrderAndDoublesNothing()
    {
        const int afterwards = 100;
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        await subscriber.SubscribeAsync(Channel);

        var done = false;
        var publishing = Task.Run(async () =>
        {
            var count = 0;
            for (; !Volatile.Read(ref done); count++)
            {
                await EndsInOrderlyWayAsync(publisher.PublishAsync(Channel, $"{count}"));
                await Task.Delay(1, Cancellation); // a steady flow, not a flood
            }

            return count;
        });
        await subscriber.Received.WaitForAsync(Channel, 10);
        for (var outage = 1; outage <= 2; outage++)
        {
            await CutAndRestoreAsync([publisher, subscriber], outage);
        }

        Volatile.Write(ref done, true);
        var first = await publishing.WithinGuardAsync();
        for (var i = first; i < first + afterwards; i++)
        {
            await publisher.PublishAsync(Channel, $"{i}");
        }

        var received = (await subscriber.Received.WaitForAsync(Channel, $"{first + afterwards - 1}"))
            .Select(text => int.Parse(text, CultureInfo.InvariantCulture)).ToArray();
        Assert.Equal(received.Distinct().Order(), received);
        Assert.Equal(Enumerable.Range(first, afterwards), received[^afterwards..]);
    }

    [Fact]
    public async Task Subscribe_TransportAway_IsRefusedForGoodOrInForceAfterwards()
    {
        var (publisher, subscriber, observer) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        await observer.SubscribeAsync(Channel);
        await CutAsync();
        await WaitUntilAwayAsync([publisher, subscriber, observer]);

        var refused = false;
        try
        {
            await subscriber.SubscribeAsync(Channel);
        }
        catch (BackplaneUnavailableException)
        {
            refused = true;
        }

        await RestoreAsync();
        await WaitUntilBackAsync([publisher, subscriber, observer]);
        var taken = await publisher.PublishAsync(Channel, "first");
        await observer.Received.WaitForAsync(Channel, "first");
        await PassByAsync(publisher, subscriber);
        await subscriber.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, Fence);

        Assert.Equal(refused ? [Fence] : ["first", Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        var takers = refused ? 1 : 2;
        Assert.True(taken is null || taken == takers, $"{takers} nodes took it, but {taken} were counted.");
    }

    [Fact]
    public async Task Subscribe_WhileTransportGoesAndComes_WhatSucceededIsInForceAfterwards()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        var (subscribed, refused) = (new List<string>(), new List<string>());
        var done = false;
        var attempts = 0;
        var subscribing = Task.Run(async () =>
        {
            for (var i = 0; !Volatile.Read(ref done); i++)
            {
                Volatile.Write(ref attempts, i);
                var channel = $"{Channel}:{i}";
                try
                {
                    await subscriber.SubscribeAsync(channel);
                    subscribed.Add(channel);
                }
                catch (BackplaneUnavailableException)
                {
                    refused.Add(channel);
                }

                await Task.Delay(1, Cancellation); // a steady flow, not a flood
            }
        });

        for (var outage = 1; outage <= 2; outage++)
        {
            await SubscribeSomeAsync(); // some transports go and come in no time
            await CutAsync();
            await WaitForStateAsync([publisher, subscriber], "unavailable");
            await SubscribeSomeAsync();
            await RestoreAsync();
            await WaitForStateAsync([publisher, subscriber], "available");
        }

        Volatile.Write(ref done, true);
        await subscribing.WithinGuardAsync();
        await WaitForStateAsync([publisher, subscriber], "available");
        Assert.NotEmpty(subscribed);
        await PublishToAllAsync(publisher, subscribed, takers: 1);
        await PublishToAllAsync(publisher, refused, takers: 0);
        await PassByAsync(publisher, subscriber);
        await subscriber.SubscribeAsync(refused);
        await PublishToAllAsync(publisher, refused, takers: 1);

        // The second payload to a channel that was refused is the first that it hears.
        foreach (var channel in subscribed.Concat(refused))
        {
            Assert.Equal([channel], await subscriber.Received.WaitForAsync(channel, 1));
        }

        Task SubscribeSomeAsync()
        {
            var before = Volatile.Read(ref attempts);
            return Eventually.TrueAsync(() => subscribing.IsCompleted || Volatile.Read(ref attempts) > before, "subscribing goes on");
        }
    }

    [Fact]
    public async Task Unsubscribe_TransportAway_IsNoErrorAndNotRestored()
    {
        var (publisher, subscriber, observer) = (await StartNodeAsync(), await StartNodeAsync(), await StartNodeAsync());
        var kept = Channel + ":kept";
        await subscriber.SubscribeAsync(Channel, kept);
        await observer.SubscribeAsync(Channel);
        await CutAsync();
        await WaitUntilAwayAsync([publisher, subscriber, observer]);

        await subscriber.UnsubscribeAsync(Channel);
        await subscriber.UnsubscribeAsync(Channel + ":never");

        await RestoreAsync();
        await WaitUntilBackAsync([publisher, subscriber, observer]);
        var taken = await publisher.PublishAsync(Channel, "unheard");
        await publisher.PublishAsync(kept, Fence);
        await observer.Received.WaitForAsync(Channel, "unheard");
        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(kept, Fence));
        await PassByAsync(publisher, subscriber);
        await subscriber.SubscribeAsync(Channel);
        await publisher.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await subscriber.Received.WaitForAsync(Channel, Fence));
        Assert.True(taken is null or 1, $"One node took it, but {taken} were counted.");
    }

    [Fact]
    public async Task Available_ManyChannels_AllAreInForceAgain()
    {
        var (publisher, subscriber) = (await StartNodeAsync(), await StartNodeAsync());
        string[] channels = [.. Enumerable.Range(0, 1_000).Select(i => $"{Channel}:{i}")];
        await Task.WhenAll(channels.Select(channel => subscriber.SubscribeAsync(channel)));

        await CutAsync();
        await WaitUntilAwayAsync([publisher, subscriber]);
        await RestoreAsync();

        // What it publishes at once comes back to it; the other node may be told later.
        await WaitUntilBackAsync([subscriber]);
        await PublishToAllAsync(subscriber, channels, takers: 1);
        await WaitUntilBackAsync([publisher]);
        await PublishToAllAsync(publisher, channels, takers: 1);
        foreach (var channel in channels)
        {
            Assert.Equal([channel, channel], await subscriber.Received.WaitForAsync(channel, 2));
        }
    }

    [Fact]
    public async Task Dispose_TransportAway_CompletesAndIsNotBackLater()
    {
        var (leaving, staying) = (await StartNodeAsync(), await StartNodeAsync());
        await leaving.SubscribeAsync(Channel);
        await staying.SubscribeAsync(Channel);
        await CutAsync();
        await WaitUntilAwayAsync([leaving, staying]);

        await leaving.DisposeAsync().WithinGuardAsync();

        await RestoreAsync();
        await WaitUntilBackAsync([staying]);
        var taken = await staying.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await staying.Received.WaitForAsync(Channel, Fence));
        Assert.True(taken is null or 1, $"One node took it, but {taken} were counted.");
        await PassByDisposedAsync(staying, staying);
        Assert.Empty(leaving.Received.Texts(Channel));
        Assert.DoesNotContain("available", leaving.Received.Reports);
    }

    [Fact]
    public async Task Dispose_TransportJustGone_Completes()
    {
        var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);
        await CutAsync();

        await node.DisposeAsync().WithinGuardAsync();

        Assert.DoesNotContain("available", node.Received.Reports);
    }

    [Fact]
    public async Task Dispose_TransportNeverThere_Completes()
    {
        await CutAsync();
        var node = await StartNodeAsync();

        await node.DisposeAsync().WithinGuardAsync();

        Assert.DoesNotContain("available", node.Received.Reports);
    }

    private static void AssertToldOnceEachWay(BackplaneNode node, int outages) =>
        Assert.Equal(Enumerable.Range(0, outages).SelectMany(_ => new[] { "unavailable", "available" }), Told(node));

    /// <summary>When it said that the whole transport went and came back. A part of it may be away in between, and a loss may be told besides.</summary>
    private static List<string> Told(BackplaneNode node)
    {
        var told = new List<string>();
        foreach (var report in node.Received.Reports)
        {
            if (report == "available" || (report == "unavailable" && told is [] or [.., "available"]))
            {
                told.Add(report);
            }
        }

        return told;
    }

    private static async Task WaitUntilAwayAsync(BackplaneNode[] nodes, int outage = 1)
    {
        foreach (var node in nodes)
        {
            await Eventually.TrueAsync(() => Told(node).Count(report => report == "unavailable") >= outage, $"a node has told of outage {outage}");
        }
    }

    private static async Task WaitUntilBackAsync(BackplaneNode[] nodes, int outage = 1)
    {
        foreach (var node in nodes)
        {
            await node.Received.WaitForReportAsync("available", outage);
        }
    }

    private static async Task WaitForStateAsync(BackplaneNode[] nodes, string state)
    {
        foreach (var node in nodes)
        {
            await Eventually.TrueAsync(
                () => node.Received.Reports.LastOrDefault(report => report != "loss") == state, $"the last that a node reported is '{state}'");
        }
    }

    /// <summary>Publishes each channel's name to it.</summary>
    private static async Task PublishToAllAsync(BackplaneNode publisher, IEnumerable<string> channels, int takers)
    {
        foreach (var batch in channels.Chunk(100))
        {
            var counts = await Task.WhenAll(batch.Select(channel => publisher.PublishAsync(channel, channel)));
            Assert.All(counts, taken => Assert.True(taken is null || taken == takers, $"{takers} nodes took it, but {taken} were counted."));
        }
    }

    private static async Task EndsInOrderlyWayAsync(Task publish)
    {
        try
        {
            await publish.WithinGuardAsync();
        }
        catch (BackplaneUnavailableException)
        {
            // It says so; that is all that is asked.
        }
        catch (OperationCanceledException)
        {
            Assert.False(Cancellation.IsCancellationRequested);
        }
    }

    private async Task CutAndRestoreAsync(BackplaneNode[] nodes, int outage = 1)
    {
        await CutAsync();
        await WaitUntilAwayAsync(nodes, outage);
        await RestoreAsync();
        await WaitUntilBackAsync(nodes, outage);
    }
}
