using System.Collections.Concurrent;
using System.Threading.Channels;
using DistributedSockets.Testing;
using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Tests;

public sealed class TransportMonitorTests : IAsyncDisposable
{
    private static readonly TimeSpan s_interval = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_longestPause = TimeSpan.FromSeconds(7.5); // the longest back-off and the most that chance adds

    private readonly FakeTimeProvider _time = new();
    private readonly Reports _reports = new();
    private readonly Channel<Attempt> _attempts = Channel.CreateUnbounded<Attempt>();
    private readonly ConcurrentQueue<(int Attempt, Exception? Cause)> _failed = new();
    private readonly TransportMonitor _monitor;

    public TransportMonitorTests()
    {
        _monitor = new(
            async (hold, stop) =>
            {
                var attempt = new Attempt(hold, stop);
                _attempts.Writer.TryWrite(attempt);
                await attempt.End.Task.WaitAsync(stop);
            },
            _time);
        _monitor.HoldFailed += (attempt, cause) => _failed.Enqueue((attempt, cause));
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _monitor.DisposeAsync();

    [Fact]
    public async Task Start_TransportThere_IsAvailableWithoutAReport()
    {
        _monitor.Start(_reports);
        var waiting = _monitor.WaitForFirstReportAsync(s_interval, Cancellation);
        Assert.Equal(TransportState.Starting, _monitor.State);

        Assert.True((await NextAsync()).Hold.TryReportAvailable());
        await waiting.WithinGuardAsync();

        Assert.Equal(TransportState.Available, _monitor.State);
        Assert.Empty(_reports.All);
        Assert.Equal(_time.GetUtcNow(), _monitor.ProvenAt);
    }

    [Fact]
    public async Task Start_FirstAttemptThrows_IsReportedAtOnceWithTheCause()
    {
        _monitor.Start(_reports);
        var waiting = _monitor.WaitForFirstReportAsync(s_interval, Cancellation);

        (await NextAsync()).Fail("refused");
        await waiting.WithinGuardAsync();

        Assert.Equal(["unavailable: refused"], _reports.All);
    }

    [Fact]
    public async Task Start_FirstAttemptHangs_IsReportedWhenPatienceEnds()
    {
        _monitor.Start(_reports);
        var waiting = _monitor.WaitForFirstReportAsync(s_interval, Cancellation);
        var attempt = await NextAsync();

        _time.Advance(s_interval);
        await waiting.WithinGuardAsync();

        Assert.StartsWith("unavailable", Assert.Single(_reports.All));
        Assert.True(attempt.Hold.TryReportAvailable());
        Assert.Equal("available", _reports.All[^1]);
    }

    [Fact]
    public async Task Start_TransportComesUpAsPatienceEnds_StaysAvailable()
    {
        _monitor.StateChanged += (_, state, _) =>
        {
            if (state == TransportState.Available)
            {
                _time.Advance(s_interval); // the state is set, but the wait has not been ended yet
            }
        };
        _monitor.Start(_reports);
        var waiting = _monitor.WaitForFirstReportAsync(s_interval, Cancellation);

        Assert.True((await NextAsync()).Hold.TryReportAvailable());
        await waiting.WithinGuardAsync();

        Assert.Equal(TransportState.Available, _monitor.State);
        Assert.Empty(_reports.All);
    }

    [Fact]
    public async Task Start_AttemptEndsWithoutAnException_IsNotReportedWhileStarting()
    {
        _monitor.Start(_reports);
        (await NextAsync()).End.SetResult();

        var second = await NextAfterPauseAsync();

        Assert.Empty(_reports.All);
        Assert.Equal(TransportState.Starting, _monitor.State);
        Assert.Equal(2, second.Hold.Attempt);
    }

    [Fact]
    public async Task Attempts_ThatFail_FollowEachOtherWithGrowingPauses()
    {
        _monitor.Start(_reports);
        for (var number = 1; number <= 8; number++)
        {
            var attempt = number == 1 ? await NextAsync() : await NextAfterPauseAsync();
            Assert.Equal(number, attempt.Hold.Attempt);
            attempt.Fail($"cause {number}");
        }

        // The pause is five seconds by now, and by chance half of it at least.
        await Eventually.TrueAsync(() => _failed.Count == 8, "the last one has failed");
        _time.Advance(TimeSpan.FromSeconds(2.4));
        Assert.False(_attempts.Reader.TryRead(out _));
        (await NextAfterPauseAsync()).Hold.TryReportAvailable();

        Assert.Equal([.. Enumerable.Range(1, 8).Select(static number => $"unavailable: cause {number}"), "available"], _reports.All);
        Assert.Equal(Enumerable.Range(1, 8), _failed.Select(static failed => failed.Attempt));
    }

    [Fact]
    public async Task RetryNow_DuringAPause_EndsIt()
    {
        _monitor.Start(_reports);
        (await NextAsync()).Fail("away");
        await Eventually.TrueAsync(() => _reports.All.Count == 1, "the outage is reported");

        _monitor.RetryNow();

        Assert.Equal(2, (await NextAsync()).Hold.Attempt);
    }

    [Fact]
    public async Task ReportLost_WhileAvailable_IsReportedAtOnceAndTheNextAttemptFollows()
    {
        _monitor.Start(_reports);
        var first = await NextAsync();
        first.Hold.TryReportAvailable();
        _time.Advance(s_interval);
        var waiting = first.Hold.WaitAsync(s_interval, Cancellation);

        _monitor.ReportLost(new IOException("reset"));
        _monitor.ReportLost(new IOException("reset again"));

        Assert.Equal(["unavailable: reset"], _reports.All);
        Assert.False(await waiting.WithinGuardAsync());
        first.End.SetResult();
        var second = await NextAsync(); // without a pause
        Assert.Equal((1, 2), (second.Hold.Attempt, _monitor.Losses));
        second.Hold.TryReportAvailable();
        Assert.Equal(["unavailable: reset", "available"], _reports.All);
        Assert.Empty(_failed);
    }

    [Fact]
    public async Task ReportLost_DuringAnAttempt_ThatAttemptCannotSucceed()
    {
        _monitor.Start(_reports);
        var first = await NextAsync();

        _monitor.ReportLost(new IOException("reset"));

        Assert.False(first.Hold.TryReportAvailable());
        Assert.Equal(TransportState.Starting, _monitor.State);
        first.End.SetResult();
        Assert.True((await NextAfterPauseAsync()).Hold.TryReportAvailable());
        Assert.Empty(_reports.All);
    }

    [Fact]
    public async Task Hold_ThrowsWhileAvailable_IsAnOutageWithTheCause()
    {
        _monitor.Start(_reports);
        var first = await NextAsync();
        first.Hold.TryReportAvailable();
        _time.Advance(s_interval);

        first.Fail("a marker did not come back");
        (await NextAsync()).Hold.TryReportAvailable();

        Assert.Equal(["unavailable: a marker did not come back", "available"], _reports.All);
        Assert.Equal(1, Assert.Single(_failed).Attempt);
    }

    [Fact]
    public async Task Hold_LostAsSoonAsItIsThere_DoesNotSpin()
    {
        _monitor.Start(_reports);
        var first = await NextAsync();
        first.Hold.TryReportAvailable();
        first.Fail("gone");
        await Eventually.TrueAsync(() => _failed.Count == 1, "it has ended");

        Assert.False(_attempts.Reader.TryRead(out _));
        await NextAfterPauseAsync();
    }

    [Fact]
    public async Task WaitAsync_IntervalPassedOrCheckAskedFor_GoesOn()
    {
        _monitor.Start(_reports);
        var hold = (await NextAsync()).Hold;
        hold.TryReportAvailable();

        var byTime = hold.WaitAsync(s_interval, Cancellation);
        Assert.False(byTime.IsCompleted);
        _time.Advance(s_interval);
        Assert.True(await byTime.WithinGuardAsync());

        _monitor.CheckNow(); // while nobody waits, it is kept
        Assert.True(await hold.WaitAsync(s_interval, Cancellation).WithinGuardAsync());
        var again = hold.WaitAsync(s_interval, Cancellation);
        Assert.False(again.IsCompleted);
        _monitor.CheckNow();
        Assert.True(await again.WithinGuardAsync());
    }

    [Fact]
    public async Task Report_OfAPart_IsToldAndEndsWithAvailable()
    {
        _monitor.Start(_reports);
        (await NextAsync()).Hold.TryReportAvailable();

        _monitor.Report(TransportState.PartlyUnavailable, new IOException("one of three"));
        _monitor.Report(TransportState.PartlyUnavailable);
        _monitor.Report(TransportState.PartlyUnavailable, new IOException("two of three"));
        _monitor.Report(TransportState.Unavailable, new IOException("all"));
        _monitor.Report(TransportState.PartlyUnavailable, new IOException("one is back"));
        _monitor.Report(TransportState.Available);
        _monitor.Report(TransportState.Available);

        Assert.Equal(["partly: one of three", "partly: two of three", "unavailable: all", "partly: one is back", "available"], _reports.All);
    }

    [Fact]
    public async Task ReportPossibleLossLater_SeveralTimes_IsOneReportFromTheEarliestAfterTheLast()
    {
        _monitor.Start(_reports);
        (await NextAsync()).Hold.TryReportAvailable();
        var begin = _time.GetUtcNow();

        _monitor.ReportPossibleLossLater("moved", begin, s_interval);
        _time.Advance(s_interval / 2);
        _monitor.ReportPossibleLossLater("moved again", begin + s_interval, s_interval);
        _time.Advance(s_interval / 2);
        Assert.Empty(_reports.All);
        _time.Advance(s_interval / 2);
        _time.Advance(s_interval);

        Assert.Equal([$"loss: moved again since {begin:O}"], _reports.All);
        _monitor.ReportPossibleLoss("dropped");
        _monitor.ReportPossibleLoss("dropped", begin);
        Assert.Equal(["loss: dropped", $"loss: dropped since {begin:O}"], _reports.All.Skip(1));
    }

    [Fact]
    public async Task ReportPossibleLossLater_ProlongedWhileItsTimerFires_IsReportedAfterTheLast()
    {
        var time = new TimeWithLateTimers();
        await using var monitor = new TransportMonitor(static (_, stop) => Task.Delay(Timeout.InfiniteTimeSpan, stop), time);
        monitor.Start(_reports);
        var begin = time.GetUtcNow();
        monitor.ReportPossibleLossLater("moved", begin, s_interval);
        time.Advance(s_interval);

        monitor.ReportPossibleLossLater("moved again", begin + s_interval, s_interval);
        time.Fire();
        Assert.Empty(_reports.All);
        time.Advance(s_interval);
        time.Fire();

        Assert.Equal([$"loss: moved again since {begin:O}"], _reports.All);
    }

    [Fact]
    public async Task Listeners_ThatThrow_EndNothing()
    {
        _monitor.StateChanged += static (_, _, _) => throw new InvalidOperationException("a log that throws");
        _monitor.HoldFailed += static (_, _) => throw new InvalidOperationException("a log that throws");
        _monitor.Start(_reports);

        (await NextAsync()).Fail("away");
        var second = await NextAfterPauseAsync();
        second.Hold.TryReportAvailable();

        Assert.Equal(["unavailable: away", "available"], _reports.All);
    }

    [Fact]
    public async Task StateChanged_IsRaisedBeforeTheReport()
    {
        _monitor.StateChanged += (before, state, cause) => _reports.Add($"{before} to {state}: {cause?.Message}");
        _monitor.Start(_reports);
        (await NextAsync()).Hold.TryReportAvailable();

        _monitor.ReportLost(new IOException("reset"));

        Assert.Equal(["Starting to Available: ", "Available to Unavailable: reset", "unavailable: reset"], _reports.All);
    }

    [Fact]
    public async Task Dispose_WhileHeld_EndsTheHoldAndReportsNothingMore()
    {
        _monitor.Start(_reports);
        var attempt = await NextAsync();
        attempt.Hold.TryReportAvailable();
        _monitor.ReportPossibleLossLater("late", _time.GetUtcNow(), s_interval);

        await Task.WhenAll(_monitor.DisposeAsync().AsTask(), _monitor.DisposeAsync().AsTask()).WithinGuardAsync();

        Assert.True(attempt.Stop.IsCancellationRequested);
        _monitor.ReportLost(new IOException("late"));
        _monitor.Report(TransportState.Unavailable, new IOException("late"));
        _monitor.ReportPossibleLoss("late");
        _time.Advance(s_interval);
        Assert.Empty(_reports.All);
        Assert.False(attempt.Hold.TryReportAvailable());
        Assert.Throws<ObjectDisposedException>(() => _monitor.Start(_reports));
    }

    [Fact]
    public async Task Dispose_HoldIgnoresItsToken_IsNotHeldUpForEver()
    {
        var begun = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var monitor = new TransportMonitor(
            (_, _) =>
            {
                begun.SetResult();
                return new TaskCompletionSource().Task;
            },
            _time);
        monitor.Start(_reports);
        await begun.Task.WithinGuardAsync();

        var disposal = monitor.DisposeAsync().AsTask();
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                return disposal.IsCompleted;
            },
            "it ends");

        await disposal;
    }

    [Fact]
    public async Task Dispose_NeverStarted_Completes() => await _monitor.DisposeAsync().AsTask().WithinGuardAsync();

    private async Task<Attempt> NextAsync() => await _attempts.Reader.ReadAsync(Cancellation).AsTask().WithinGuardAsync();

    /// <summary>The next attempt, which comes after a pause on the fake clock.</summary>
    private async Task<Attempt> NextAfterPauseAsync()
    {
        Attempt? next = null;
        await Eventually.TrueAsync(
            () =>
            {
                _time.Advance(s_longestPause);
                return _attempts.Reader.TryRead(out next);
            },
            "the next attempt begins");
        return next!;
    }

    private sealed record Attempt(TransportHold Hold, CancellationToken Stop)
    {
        public TaskCompletionSource End { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Fail(string cause) => End.SetException(new IOException(cause));
    }

    /// <summary>A clock whose timers fire late, when the test says so.</summary>
    private sealed class TimeWithLateTimers : FakeTimeProvider
    {
        private Action _fire = static () => { };

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            _fire = () => callback(state);
            return base.CreateTimer(static _ => { }, null, dueTime, period);
        }

        public void Fire() => _fire();
    }

    private sealed class Reports : IBackplaneReceiver
    {
        private readonly ConcurrentQueue<string> _all = new();

        public IReadOnlyList<string> All => [.. _all];

        public void Add(string report) => _all.Enqueue(report);

        public void OnReceived(string channel, ReadOnlyMemory<byte> payload) => Add("received");

        public void OnUnavailable(Exception? cause) => Add($"unavailable: {cause?.Message}");

        public void OnPartlyUnavailable(Exception? cause) => Add($"partly: {cause?.Message}");

        public void OnAvailable() => Add("available");

        public void OnPossibleLoss(string description) => Add($"loss: {description}");

        public void OnPossibleLoss(string description, DateTimeOffset since) => Add($"loss: {description} since {since:O}");
    }
}
