using System.Diagnostics.Metrics;
using DistributedSockets.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Microsoft.Extensions.Time.Testing;
using Moq;

namespace DistributedSockets.Tests;

public sealed class ChannelSubscriptionsTests
{
    private static readonly TimeSpan s_delay = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(5);

    private readonly FakeTimeProvider _time = new();
    private readonly Mock<IBackplane> _backplane = new();
    private readonly Mock<IClusterObserver> _observer = new();
    private readonly LossReporter _losses;
    private readonly NodeHealth _health = new();
    private readonly ChannelSubscriptions _subscriptions;

    public ChannelSubscriptionsTests()
    {
        var metrics = new DistributedWebSocketsMetrics(new DummyMeterFactory(), _time, new(NullLogger<DistributedWebSocketsMetrics>.Instance));
        var events = new ClusterEvents(
            new ServiceCollection().AddSingleton(_observer.Object).BuildServiceProvider(), metrics, _time, new(NullLogger<ClusterEvents>.Instance));
        events.Start();
        _losses = new(events, metrics, _time, new(NullLogger<LossReporter>.Instance));
        _subscriptions = new(_backplane.Object, _health, _losses, _time, s_delay, s_timeout);
    }

    [Fact]
    public async Task Acquire_ManyAtOnce_ShareOneSubscribe()
    {
        var gate = new TaskCompletionSource();
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>())).Returns(new ValueTask(gate.Task));

        var acquires = Enumerable.Range(0, 100).Select(_ => _subscriptions.AcquireAsync("c", keep: true).AsTask()).ToArray();
        Assert.DoesNotContain(acquires, acquire => acquire.IsCompleted);
        gate.SetResult();
        await Task.WhenAll(acquires).WithinGuardAsync();

        _backplane.Verify(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Once);
        Assert.Equal(100, _subscriptions.CountNeeded("c"));
        Assert.True(_subscriptions.AcquireAsync("c", keep: true).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task Acquire_OneChannelStuck_DoesNotHoldUpAnother()
    {
        _backplane.Setup(b => b.SubscribeAsync("stuck", It.IsAny<CancellationToken>())).Returns(new ValueTask(new TaskCompletionSource().Task));

        var stuck = _subscriptions.AcquireAsync("stuck", keep: false);
        await _subscriptions.AcquireAsync("free", keep: false).WithinGuardAsync();

        Assert.False(stuck.IsCompleted);
    }

    [Fact]
    public async Task Acquire_SubscribeFails_ThrowsAndKeepsTheNeedOnlyIfAsked()
    {
        _backplane.Setup(b => b.SubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>())).Throws(new IOException("cut"));

        var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync("join", keep: false));
        Assert.IsType<IOException>(exception.InnerException);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync("connect", keep: true));
        Assert.Equal((0, 1), (_subscriptions.CountNeeded("join"), _subscriptions.CountNeeded("connect")));

        _backplane.Reset();
        _time.Advance(s_delay);
        await _subscriptions.ReconcileAsync();

        _backplane.Verify(b => b.SubscribeAsync("connect", It.IsAny<CancellationToken>()), Times.Once);
        _backplane.Verify(b => b.SubscribeAsync("join", It.IsAny<CancellationToken>()), Times.Never);
        Assert.Equal(1, _subscriptions.Count);
    }

    [Fact]
    public async Task Acquire_BackplaneAway_FailsAtOnceWithoutAskingIt()
    {
        _health.BackplaneProblem = "cut";

        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync("c", keep: true));

        _backplane.Verify(b => b.SubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()), Times.Never);
        _subscriptions.AcquireLater("join");
        _health.BackplaneProblem = null;
        var reported = new TaskCompletionSource<PossibleLoss>();
        _observer.Setup(o => o.OnPossibleLossAsync(It.IsAny<PossibleLoss>(), It.IsAny<CancellationToken>()))
            .Callback<PossibleLoss, CancellationToken>((loss, _) => reported.TrySetResult(loss)).Returns(ValueTask.CompletedTask);
        await _subscriptions.ReconcileAsync();
        _backplane.Verify(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Once);
        _backplane.Verify(b => b.SubscribeAsync("join", It.IsAny<CancellationToken>()), Times.Once);

        // What came between the return of the backplane and the subscribe is in no other report.
        await reported.Task.WithinGuardAsync();
    }

    [Fact]
    public async Task Outage_ManyChannelsNeededAndLeftMeanwhile_NoneIsRemembered()
    {
        _health.BackplaneProblem = "cut";
        for (var i = 0; i < 1_000; i++)
        {
            await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync($"c{i}", keep: false));
            _subscriptions.AcquireLater($"c{i}");
            _subscriptions.Release($"c{i}");
        }

        Assert.Equal(0, _subscriptions.Count);
    }

    [Fact]
    public async Task Outage_ChannelsLeftMeanwhile_AreGivenUpAndNothingIsSubscribed()
    {
        for (var i = 0; i < 10; i++)
        {
            await _subscriptions.AcquireAsync($"c{i}", keep: false);
        }

        _health.BackplaneProblem = "cut";
        _subscriptions.AcquireLater("wanted");
        for (var i = 0; i < 10; i++)
        {
            _subscriptions.Release($"c{i}");
        }

        _time.Advance(s_delay);
        await _subscriptions.ReconcileAsync();

        _backplane.Verify(b => b.UnsubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()), Times.Exactly(10));
        _backplane.Verify(b => b.SubscribeAsync("wanted", It.IsAny<CancellationToken>()), Times.Never);
        Assert.Equal(1, _subscriptions.Count);
    }

    [Fact]
    public async Task Outage_NotNoticedYet_ChannelsThatCouldNotBeSubscribedAreForgotten()
    {
        _backplane.Setup(b => b.SubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>())).Throws(new BackplaneUnavailableException());
        for (var i = 0; i < 100; i++)
        {
            await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync($"c{i}", keep: false));
        }

        Assert.Equal(0, _subscriptions.Count);
        _backplane.Verify(b => b.UnsubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()), Times.Never);
    }

    [Fact]
    public async Task Acquire_RefusedAlthoughTheBackplaneHasTakenIt_IsGivenUpThere()
    {
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>()))
            .Callback(() => _subscriptions.Refuse("c", new BackplaneRefusedException("No permission."))).Returns(ValueTask.CompletedTask);
        await Assert.ThrowsAsync<BackplaneRefusedException>(async () => await _subscriptions.AcquireAsync("c", keep: false));

        _time.Advance(s_delay);
        await _subscriptions.ReconcileAsync();

        _backplane.Verify(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Once);
        Assert.Equal(0, _subscriptions.Count);
    }

    [Fact]
    public async Task Outage_ChannelsFirstNeededMeanwhile_LossIsReportedUntilTheyAreSubscribed()
    {
        var reported = new TaskCompletionSource<PossibleLoss>();
        _observer.Setup(o => o.OnPossibleLossAsync(It.IsAny<PossibleLoss>(), It.IsAny<CancellationToken>()))
            .Callback<PossibleLoss, CancellationToken>((loss, _) => reported.TrySetResult(loss)).Returns(ValueTask.CompletedTask);
        _health.BackplaneProblem = "cut";
        var neededAt = _time.GetUtcNow();
        _subscriptions.AcquireLater("c");
        _time.Advance(TimeSpan.FromSeconds(10));
        _health.BackplaneProblem = null;
        var gate = new TaskCompletionSource();
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>())).Returns(new ValueTask(gate.Task));
        var reconcile = _subscriptions.ReconcileAsync();
        await Eventually.TrueAsync(() => _backplane.Invocations.Count == 1, "the channel is being subscribed");
        _time.Advance(TimeSpan.FromSeconds(3));
        gate.SetResult();
        await reconcile.WithinGuardAsync();

        var loss = await reported.Task.WithinGuardAsync();
        Assert.Equal((neededAt, neededAt + TimeSpan.FromSeconds(13)), (loss.From, loss.To));
    }

    [Fact]
    public async Task Release_LastNeed_UnsubscribesOnlyAfterTheDelay()
    {
        await _subscriptions.AcquireAsync("c", keep: false);
        await _subscriptions.AcquireAsync("c", keep: false);
        _subscriptions.Release("c");
        _time.Advance(s_delay);
        await _subscriptions.ReconcileAsync();
        _subscriptions.Release("c");
        _time.Advance(s_delay - TimeSpan.FromTicks(1));
        await _subscriptions.ReconcileAsync();
        _backplane.Verify(b => b.UnsubscribeAsync(It.IsAny<string>(), It.IsAny<CancellationToken>()), Times.Never);

        _time.Advance(TimeSpan.FromTicks(1));
        await _subscriptions.ReconcileAsync();

        _backplane.Verify(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Once);
        Assert.Equal(0, _subscriptions.Count);
    }

    [Fact]
    public async Task Acquire_WhileUnsubscribing_SubscribesAgainAfterwards()
    {
        var gate = new TaskCompletionSource();
        var calls = new List<string>();
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>())).Callback(() => calls.Add("subscribe")).Returns(ValueTask.CompletedTask);
        _backplane.Setup(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>())).Callback(() => calls.Add("unsubscribe")).Returns(new ValueTask(gate.Task));
        await _subscriptions.AcquireAsync("c", keep: false);
        _subscriptions.Release("c");
        _time.Advance(s_delay);
        var reconcile = _subscriptions.ReconcileAsync();
        await Eventually.TrueAsync(() => calls.Count == 2, "the channel is being given up");

        var acquire = _subscriptions.AcquireAsync("c", keep: false);
        Assert.False(acquire.IsCompleted);
        gate.SetResult();
        await acquire.WithinGuardAsync();
        await reconcile.WithinGuardAsync();

        Assert.Equal(["subscribe", "unsubscribe", "subscribe"], calls);
        Assert.Equal((1, 1), (_subscriptions.Count, _subscriptions.CountNeeded("c")));
    }

    [Fact]
    public async Task Acquire_WhileAnUnsubscribeFails_SubscribesAllTheSame()
    {
        var gate = new TaskCompletionSource();
        await _subscriptions.AcquireAsync("c", keep: false);
        _subscriptions.Release("c");
        _time.Advance(s_delay);
        _backplane.Setup(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>())).Returns(new ValueTask(gate.Task));
        var reconcile = _subscriptions.ReconcileAsync();
        await Eventually.TrueAsync(() => _backplane.Invocations.Count == 2, "the channel is being given up");

        var acquire = _subscriptions.AcquireAsync("c", keep: false);
        gate.SetException(new IOException("cut"));

        await acquire.WithinGuardAsync();
        await reconcile.WithinGuardAsync();
        _backplane.Verify(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Exactly(2));
        Assert.Equal(1, _subscriptions.CountNeeded("c"));
    }

    [Fact]
    public async Task Unsubscribe_Failed_IsTriedAgainAndTheNextNeedSubscribesAnew()
    {
        await _subscriptions.AcquireAsync("c", keep: false);
        _subscriptions.Release("c");
        _time.Advance(s_delay);
        _backplane.Setup(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>())).Throws(new IOException("cut"));
        await Assert.ThrowsAsync<BackplaneUnavailableException>(_subscriptions.ReconcileAsync);
        await Assert.ThrowsAsync<BackplaneUnavailableException>(_subscriptions.ReconcileAsync);
        _backplane.Verify(b => b.UnsubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Exactly(2));

        await _subscriptions.AcquireAsync("c", keep: false);

        _backplane.Verify(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>()), Times.Exactly(2));
    }

    [Fact]
    public async Task Acquire_NeverAnswered_GivesUpInTime()
    {
        var gate = new TaskCompletionSource();
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>())).Returns(new ValueTask(gate.Task));
        var acquire = _subscriptions.AcquireAsync("c", keep: false).AsTask();
        await Eventually.TrueAsync(() => _backplane.Invocations.Count == 1, "the backplane is asked");

        _time.Advance(s_timeout);

        var exception = await Assert.ThrowsAsync<BackplaneUnavailableException>(() => acquire.WithinGuardAsync());
        Assert.Contains("00:00:05", exception.Message);
        Assert.Equal(0, _subscriptions.CountNeeded("c"));
    }

    [Fact]
    public async Task Reconcile_ManyChannelsThatFail_StillReachesAllOthers()
    {
        _backplane.Setup(b => b.SubscribeAsync(It.Is<string>(c => c.StartsWith("bad")), It.IsAny<CancellationToken>())).Throws(new IOException("cut"));
        for (var i = 0; i < 1_000; i++)
        {
            _subscriptions.AcquireLater($"bad{i}");
            _subscriptions.AcquireLater($"good{i}");
        }

        await Assert.ThrowsAsync<BackplaneUnavailableException>(_subscriptions.ReconcileAsync);

        Assert.All(Enumerable.Range(0, 1_000), i => Assert.True(_subscriptions.AcquireAsync($"good{i}", keep: true).IsCompletedSuccessfully));
    }

    [Fact]
    public async Task Subscribe_LateForAMember_IsReportedAsPossibleLoss()
    {
        var reported = new TaskCompletionSource<PossibleLoss>();
        _observer.Setup(o => o.OnPossibleLossAsync(It.IsAny<PossibleLoss>(), It.IsAny<CancellationToken>()))
            .Callback<PossibleLoss, CancellationToken>((loss, _) => reported.TrySetResult(loss)).Returns(ValueTask.CompletedTask);
        _backplane.Setup(b => b.SubscribeAsync("c", It.IsAny<CancellationToken>())).Throws(new IOException("cut"));
        var failedAt = _time.GetUtcNow();
        await Assert.ThrowsAsync<BackplaneUnavailableException>(async () => await _subscriptions.AcquireAsync("c", keep: true));

        _backplane.Reset();
        _time.Advance(TimeSpan.FromSeconds(2));
        await _subscriptions.ReconcileAsync();

        var loss = await reported.Task.WithinGuardAsync();
        Assert.Equal((failedAt, failedAt + TimeSpan.FromSeconds(2)), (loss.From, loss.To));
    }

    private sealed class DummyMeterFactory : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose()
        {
        }
    }
}
