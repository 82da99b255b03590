using DistributedSockets.Testing;
using DistributedSockets.TestServers;
using Microsoft.Extensions.Time.Testing;
using NATS.Client.Core;

namespace DistributedSockets.Nats.Tests.Backplane;

public sealed class NatsBackplaneOutageTests : IAsyncLifetime
{
    private const string Channel = "outage:v1:user:alice";
    private const string Fence = "fence";

    private readonly NatsServer _server = new();
    private readonly FakeTimeProvider _time = new();
    private int _published;

    public async ValueTask InitializeAsync()
    {
        _server.SkipUnlessAvailable();
        await _server.StartAsync();
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    [Fact]
    public async Task Publish_ServerStopped_ThrowsAndWorksAgainAfterRestart()
    {
        await using var node = await StartNodeAsync();
        await node.SubscribeAsync(Channel);
        await _server.StopAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
        await node.Received.WaitForReportAsync("unavailable");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));

        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");
        await node.PublishAsync(Channel, Fence);
        Assert.Equal(Fence, (await node.Received.WaitForAsync(Channel, Fence))[^1]);
        Assert.Equal(["unavailable", "available"], node.Received.Reports);
    }

    [Fact]
    public async Task Publish_ServerPaused_ThrowsReportsTheOutageAndRecovers()
    {
        await using var node = await StartNodeAsync(_time);
        await node.SubscribeAsync(Channel);
        await _server.PauseAsync();

        // The client itself takes it at once: that NATS has it is known only when a marker has come back.
        var publishing = node.PublishAsync(Channel, "late");
        await AdvanceUntilAsync(() => publishing.IsCompleted, "the publish has ended");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => publishing);
        await AdvanceUntilReportedAsync("unavailable", node);

        await _server.ResumeAsync();
        await AdvanceUntilReportedAsync("available", node);
        await node.PublishAsync(Channel, Fence);
        await node.Received.WaitForAsync(Channel, Fence);
    }

    [Fact]
    public async Task Idle_ServerPaused_IsNoticedWithoutAPublish()
    {
        await using var node = await StartNodeAsync(_time);
        await _server.PauseAsync();

        await AdvanceUntilReportedAsync("unavailable", node);

        await _server.ResumeAsync();
        await AdvanceUntilReportedAsync("available", node);
    }

    [Fact]
    public async Task Subscribe_ServerStopped_ThrowsAndIsNotSubscribedLater()
    {
        await using var node = await StartNodeAsync();
        await _server.StopAsync();

        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.SubscribeAsync(Channel));

        await node.Received.WaitForReportAsync("unavailable");
        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");
        await AssertNotSubscribedAsync(node);
    }

    [Fact]
    public async Task Subscribe_ServerPaused_ThrowsAndIsNotSubscribedLater()
    {
        await using var node = await StartNodeAsync(_time);
        await _server.PauseAsync();

        var subscribing = node.SubscribeAsync(Channel);
        await AdvanceUntilAsync(() => subscribing.IsCompleted, "the subscribe has ended");
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => subscribing);

        await _server.ResumeAsync();
        await AdvanceUntilAsync(() => node.Received.Reports is [] or [.., "available"], "an outage that was reported is over");
        await AssertNotSubscribedAsync(node);
    }

    [Fact]
    public async Task Unsubscribe_ServerPaused_IsNoErrorAndIsNotRestored()
    {
        await using var node = await StartNodeAsync(_time);
        await node.SubscribeAsync(Channel, Channel + ":kept");
        await _server.PauseAsync();

        var unsubscribing = node.UnsubscribeAsync(Channel);
        await AdvanceUntilAsync(() => unsubscribing.IsCompleted, "the unsubscribe has ended");
        await unsubscribing;

        await AdvanceUntilReportedAsync("unavailable", node);
        await _server.ResumeAsync();
        await AdvanceUntilReportedAsync("available", node);
        await node.PublishAsync(Channel, "unheard");
        await node.PublishAsync(Channel + ":kept", Fence);
        await node.Received.WaitForAsync(Channel + ":kept", Fence);
        Assert.Empty(node.Received.Texts(Channel));
    }

    [Fact]
    public async Task Restart_ManySubscriptions_AllAreInForceWhenAvailableIsReported()
    {
        await using var node = await StartNodeAsync(_time);
        await using var other = await StartNodeAsync(_time);
        var channels = Enumerable.Range(0, 5_000).Select(i => $"{Channel}:{i}").ToArray();
        await Task.WhenAll(channels.Select(channel => node.SubscribeAsync(channel)));

        await _server.KillAsync();
        await Task.WhenAll(node.Received.WaitForReportAsync("unavailable"), other.Received.WaitForReportAsync("unavailable"));
        await _server.StartAsync();
        await AdvanceUntilReportedAsync("available", node, other);

        await Task.WhenAll(channels.Select(channel => other.PublishAsync(channel, channel)));
        foreach (var channel in channels)
        {
            Assert.Equal([channel], await node.Received.WaitForAsync(channel, 1));
        }
    }

    [Fact]
    public async Task Start_ServerAway_ReportsItAndConnectsLater()
    {
        await _server.StopAsync();
        await using var node = await StartNodeAsync();

        Assert.Equal(["unavailable"], node.Received.Reports);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.PublishAsync(Channel, "lost"));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(() => node.SubscribeAsync(Channel));

        await _server.StartAsync();
        await node.Received.WaitForReportAsync("available");
        await node.SubscribeAsync(Channel);
        await node.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(Channel, Fence));
    }

    [Fact]
    public async Task Outage_WhilePublishing_OrderIsKeptAndNothingComesTwice()
    {
        await using var publisher = await StartNodeAsync();
        await using var subscriber = await StartNodeAsync();
        await subscriber.SubscribeAsync(Channel);
        using var enough = new CancellationTokenSource();
        var publishing = PublishNumbersAsync(publisher, enough.Token);
        await subscriber.Received.WaitForAsync(Channel, 100);

        await _server.KillAsync();
        await Task.WhenAll(publisher.Received.WaitForReportAsync("unavailable"), subscriber.Received.WaitForReportAsync("unavailable"));
        await _server.StartAsync();
        await Task.WhenAll(publisher.Received.WaitForReportAsync("available"), subscriber.Received.WaitForReportAsync("available"));
        var bothBack = Volatile.Read(ref _published); // the publisher may have been back long before the subscriber
        var before = subscriber.Received.Texts(Channel).Count;
        await subscriber.Received.WaitForAsync(Channel, before + 100);
        await enough.CancelAsync();
        var (taken, failed) = await publishing.WithinGuardAsync();

        await publisher.PublishAsync(Channel, "-1");
        await subscriber.Received.WaitForAsync(Channel, "-1");
        int[] received = [.. subscriber.Received.Texts(Channel).SkipLast(1).Select(int.Parse)];
        Assert.Equal(received.Order().Distinct(), received);
        Assert.NotEmpty(failed);

        // What was taken and did not arrive was published while the subscriber was away.
        Assert.All(taken.Except(received), number => Assert.InRange(number, 0, bothBack));
        Assert.InRange(failed.Min(), 1, bothBack);
        Assert.Contains(taken, number => number > bothBack);
    }

    private async Task<(List<int> Taken, List<int> Failed)> PublishNumbersAsync(BackplaneNode node, CancellationToken enough)
    {
        var (taken, failed) = (new List<int>(), new List<int>());
        for (var i = 0; !enough.IsCancellationRequested; i++)
        {
            Volatile.Write(ref _published, i);
            try
            {
                await node.PublishAsync(Channel, $"{i}");
                taken.Add(i);
            }
            catch (BackplaneUnavailableException)
            {
                failed.Add(i);
                await Task.Delay(TimeSpan.FromMilliseconds(5), TestContext.Current.CancellationToken);
            }
        }

        return (taken, failed);
    }

    /// <summary>Were the channel subscribed, what is published before it is would arrive before the fence.</summary>
    private static async Task AssertNotSubscribedAsync(BackplaneNode node)
    {
        await node.PublishAsync(Channel, "unheard");
        await node.SubscribeAsync(Channel);
        await node.PublishAsync(Channel, Fence);
        Assert.Equal([Fence], await node.Received.WaitForAsync(Channel, Fence));
    }

    /// <summary>Lets time pass until something holds, and none from then on: a busy machine may take longer for what follows than it may take.</summary>
    private Task AdvanceUntilAsync(Func<bool> condition, string expectation) => Eventually.TrueAsync(
        () =>
        {
            if (condition())
            {
                return true;
            }

            _time.Advance(TimeSpan.FromSeconds(1));
            return false;
        },
        expectation);

    private Task AdvanceUntilReportedAsync(string report, params BackplaneNode[] nodes) =>
        AdvanceUntilAsync(() => Array.TrueForAll(nodes, node => node.Received.Reports.Contains(report)), $"each node has reported '{report}'");

    /// <remarks>The client's own clock is the real one, so it is not to end a connection by that.</remarks>
    private Task<BackplaneNode> StartNodeAsync(TimeProvider time) => BackplaneNode.StartAsync(NatsFactory.Backplane(
        _server.Url,
        options => (options.Url, options.Configuration) = (null, NatsOpts.Default with { Url = _server.Url, PingInterval = TimeSpan.FromMinutes(10) }),
        time: time));

    private Task<BackplaneNode> StartNodeAsync() => BackplaneNode.StartAsync(NatsFactory.Backplane(_server.Url));
}
