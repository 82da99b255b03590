namespace DistributedSockets;

/// <summary>
/// Holds on to the transport of a backplane: connects, again and again with growing, random pauses, and tells the
/// <see cref="IBackplaneReceiver"/> of outages and possible loss, in order and never twice.
/// </summary>
/// <remarks>
/// The backplane gives one method that makes one attempt: it connects, restores the subscriptions, proves that the transport delivers, says so by
/// <see cref="TransportHold.TryReportAvailable"/>, and returns or throws when the transport is lost. Whatever it throws, the next attempt
/// follows. What the transport tells by events goes to <see cref="ReportLost"/> and <see cref="RetryNow"/>. All members may be called
/// concurrently; the receiver is called by one at a time, and no more when disposal has completed.
/// </remarks>
public sealed class TransportMonitor : IAsyncDisposable, IDisposable
{
    private static readonly TimeSpan MinBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan MaxBackOff = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(5);

    private readonly Func<TransportHold, CancellationToken, Task> _hold;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly TaskCompletionSource _firstReport = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Signal _check = new();
    private readonly Signal _retry = new();
    private IBackplaneReceiver? _receiver;
    private Task _loop = Task.CompletedTask;
    private Task? _disposal;
    private ITimer? _lossTimer;
    private (string Description, DateTimeOffset Since, long Asked, TimeSpan Delay)? _laterLoss;
    private DateTimeOffset _provenAt;
    private volatile TransportState _state;
    private int _losses;

    /// <summary>Creates a monitor that does nothing yet.</summary>
    /// <param name="hold">
    /// Makes one attempt, and lasts for as long as the transport does. Its token is cancelled when the monitor is disposed.
    /// </param>
    /// <param name="time">The clock; <see langword="null"/> for the system's.</param>
    public TransportMonitor(Func<TransportHold, CancellationToken, Task> hold, TimeProvider? time = null)
    {
        ArgumentNullException.ThrowIfNull(hold);
        _hold = hold;
        _time = time ?? TimeProvider.System;
    }

    /// <summary>Raised before the receiver is told of another state, for the log: with the state before, the new one, and the cause if there is any.</summary>
    /// <remarks>Called under a lock, in order: it must not block or wait. What it throws is ignored.</remarks>
    public event Action<TransportState, TransportState, Exception?>? StateChanged;

    /// <summary>Raised when an attempt ends without success or by an exception, for the log: with its number, and what it threw if anything.</summary>
    /// <remarks>What it throws is ignored.</remarks>
    public event Action<int, Exception?>? HoldFailed;

    /// <summary>What is known of the transport.</summary>
    public TransportState State => _state;

    /// <summary>How often the transport has been reported as lost. If two looks give the same, nothing was lost in between.</summary>
    public int Losses => Volatile.Read(ref _losses);

    /// <summary>When the transport was last known to deliver: nothing older can be lost without a report. The Unix epoch before the first time.</summary>
    public DateTimeOffset ProvenAt
    {
        get
        {
            lock (_gate)
            {
                return _provenAt;
            }
        }
    }

    /// <summary>Begins the first attempt. Called once.</summary>
    /// <param name="receiver">Hears of outages and possible loss.</param>
    /// <exception cref="ObjectDisposedException">The monitor has been disposed.</exception>
    public void Start(IBackplaneReceiver receiver)
    {
        ArgumentNullException.ThrowIfNull(receiver);
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_disposal is not null, this);
            _receiver = receiver;
            var stop = _stop.Token;
            _loop = Task.Run(() => RunAsync(stop), CancellationToken.None);
        }
    }

    /// <summary>
    /// Waits until the transport is there or has been reported as away; when <paramref name="patience"/> has passed without either, reports it as
    /// away. With this an <see cref="IBackplane.StartAsync"/> ends.
    /// </summary>
    /// <param name="patience">How long at most.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task WaitForFirstReportAsync(TimeSpan patience, CancellationToken cancellationToken = default)
    {
        try
        {
            await _firstReport.Task.WaitAsync(patience, _time, cancellationToken).ConfigureAwait(false);
        }
        catch (TimeoutException exception)
        {
            lock (_gate)
            {
                // It may have come up just when the patience ended.
                if (_state == TransportState.Starting)
                {
                    ReportLocked(TransportState.Unavailable, new TimeoutException($"The transport was not there within {patience}.", exception));
                }
            }
        }
    }

    /// <summary>Reports that the transport is lost, as an event of it tells. The next attempt follows as soon as the one under way has ended.</summary>
    /// <param name="cause">Why, if known. Its message stands in the health check, so it must hold no secret.</param>
    /// <remarks>An attempt that has not succeeded yet will not: what it has restored may be gone again.</remarks>
    public void ReportLost(Exception? cause)
    {
        lock (_gate)
        {
            _losses++;
            if (_state is TransportState.Available or TransportState.PartlyUnavailable)
            {
                ReportLocked(TransportState.Unavailable, cause);
            }
        }

        _check.Set();
    }

    /// <summary>Reports a state that the backplane has found out by itself, such as one that consists of several parts.</summary>
    /// <param name="state">The state.</param>
    /// <param name="cause">Why, if known; given again for the same state, the receiver is told the newer one.</param>
    public void Report(TransportState state, Exception? cause = null)
    {
        lock (_gate)
        {
            ReportLocked(state, cause);
        }
    }

    /// <summary>Reports that payloads may have been lost from a moment until now although the transport stayed up.</summary>
    /// <param name="description">What happened.</param>
    /// <param name="since">From when on; <see langword="null"/> for just now.</param>
    public void ReportPossibleLoss(string description, DateTimeOffset? since = null)
    {
        lock (_gate)
        {
            ReportLossLocked(description, since);
        }
    }

    /// <summary>
    /// Reports a possible loss that is not over yet, as when nodes learn of a change at different times, once it is. Until then further calls
    /// fall into one report, which begins with the earliest and is due after the last.
    /// </summary>
    /// <param name="description">What happened.</param>
    /// <param name="since">From when on.</param>
    /// <param name="delay">When it will be over.</param>
    public void ReportPossibleLossLater(string description, DateTimeOffset since, TimeSpan delay)
    {
        lock (_gate)
        {
            if (_disposal is null)
            {
                _laterLoss = (description, _laterLoss is { } earlier && earlier.Since < since ? earlier.Since : since, _time.GetTimestamp(), delay);
                _lossTimer ??= _time.CreateTimer(static monitor => ((TransportMonitor)monitor!).ReportLaterLoss(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _lossTimer.Change(delay, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <summary>Has the transport looked at now rather than at the end of the interval: there is reason to doubt it.</summary>
    public void CheckNow() => _check.Set();

    /// <summary>Has the next attempt made now rather than at the end of the pause: the transport may be back.</summary>
    public void RetryNow() => _retry.Set();

    /// <summary>Ends the attempt under way, and waits for it, but for no longer than 5 seconds. When it has completed, nothing is reported any more.</summary>
    public ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            return new ValueTask(_disposal ??= StopAsync(_loop));
        }
    }

    /// <inheritdoc cref="DisposeAsync"/>
    public void Dispose() => SyncDisposal.Dispose(this);

    internal bool TryReportAvailable(TransportHold hold)
    {
        lock (_gate)
        {
            if (hold.IsLost || _disposal is not null)
            {
                return false;
            }

            hold.WasAvailable = true;
            _provenAt = _time.GetUtcNow();
            ReportLocked(TransportState.Available, cause: null);
            return true;
        }
    }

    internal void NoteProof()
    {
        lock (_gate)
        {
            _provenAt = _time.GetUtcNow();
        }
    }

    internal Task WaitForCheckAsync(TimeSpan interval, CancellationToken cancellationToken) => _check.WaitAsync(interval, _time, cancellationToken);

    private async Task StopAsync(Task loop)
    {
        // Off the lock, under which this begins.
        await Task.Yield();
        lock (_gate)
        {
            _lossTimer?.Dispose();
        }

        _firstReport.TrySetResult();
        await _stop.CancelAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // of whoever registered with the token
        await loop.WaitAsync(StopPatience, _time).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync(CancellationToken stop)
    {
        var backOff = TimeSpan.Zero;
        for (var attempt = 1; !stop.IsCancellationRequested; attempt++)
        {
            _retry.Reset();
            var hold = new TransportHold(this, attempt);
            var began = _time.GetTimestamp();
            Exception? failure = null;
            try
            {
                await _hold(hold, stop).ConfigureAwait(false);
            }
            catch (Exception exception)
            {
                failure = exception; // whatever it is: the next attempt begins anew
            }

            if (stop.IsCancellationRequested)
            {
                return;
            }

            if (hold.WasAvailable)
            {
                // The first attempt after that comes at once, unless the transport goes as soon as it is there.
                attempt = 0;
                backOff = _time.GetElapsedTime(began) < MinBackOff ? MinBackOff : TimeSpan.Zero;
            }
            else
            {
                backOff = backOff < MinBackOff ? MinBackOff : backOff * 2 < MaxBackOff ? backOff * 2 : MaxBackOff;
            }

            if (!hold.WasAvailable || failure is not null)
            {
                Raise(HoldFailed, hold.Attempt, failure);
            }

            // At the start, an attempt that ends without an exception is not the end yet: WaitForFirstReportAsync still waits.
            if (failure is not null || _state != TransportState.Starting)
            {
                Report(TransportState.Unavailable, failure);
            }

            if (backOff > TimeSpan.Zero)
            {
                await PauseAsync(backOff * (0.5 + Random.Shared.NextDouble()), stop).ConfigureAwait(false);
            }
        }
    }

    private async Task PauseAsync(TimeSpan pause, CancellationToken stop)
    {
        try
        {
            await _retry.WaitAsync(pause, _time, stop).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
        }
    }

    private void ReportLocked(TransportState state, Exception? cause)
    {
        var before = _state;
        if (_disposal is not null || _receiver is not { } receiver || (state == before && (cause is null || state == TransportState.Available)))
        {
            return;
        }

        _state = state;
        if (state != before)
        {
            Raise(StateChanged, before, state, cause);
        }

        switch (state)
        {
            case TransportState.Unavailable:
                receiver.OnUnavailable(cause);
                break;
            case TransportState.PartlyUnavailable:
                receiver.OnPartlyUnavailable(cause);
                break;
            case TransportState.Available when before != TransportState.Starting:
                receiver.OnAvailable();
                break;
        }

        _firstReport.TrySetResult();
    }

    private void ReportLossLocked(string description, DateTimeOffset? since)
    {
        if (_disposal is null && since is { } moment)
        {
            _receiver?.OnPossibleLoss(description, moment);
        }
        else if (_disposal is null)
        {
            _receiver?.OnPossibleLoss(description);
        }
    }

    private void ReportLaterLoss()
    {
        lock (_gate)
        {
            if (_disposal is not null || _laterLoss is not { } loss)
            {
                return;
            }

            // The timer may have fired just before another call prolonged it.
            if (loss.Delay - _time.GetElapsedTime(loss.Asked) is var left && left > TimeSpan.Zero)
            {
                _lossTimer!.Change(left, Timeout.InfiniteTimeSpan);
            }
            else
            {
                _laterLoss = null;
                ReportLossLocked(loss.Description, loss.Since);
            }
        }
    }

    // A log that throws must end neither the loop nor the event of the transport that was reported.
    private static void Raise(Action<int, Exception?>? listeners, int attempt, Exception? cause)
    {
        try
        {
            listeners?.Invoke(attempt, cause);
        }
        catch (Exception)
        {
        }
    }

    private static void Raise(Action<TransportState, TransportState, Exception?>? listeners, TransportState before, TransportState state, Exception? cause)
    {
        try
        {
            listeners?.Invoke(before, state, cause);
        }
        catch (Exception)
        {
        }
    }

    /// <summary>Wakes the loop. Set while it does not wait, it is kept for the next wait.</summary>
    private sealed class Signal
    {
        private TaskCompletionSource _source = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Set() => Volatile.Read(ref _source).TrySetResult();

        public void Reset()
        {
            if (_source.Task.IsCompleted)
            {
                Volatile.Write(ref _source, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            }
        }

        public async Task WaitAsync(TimeSpan timeout, TimeProvider time, CancellationToken cancellationToken)
        {
            using var timer = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            await Task.WhenAny(Volatile.Read(ref _source).Task, Task.Delay(timeout, time, timer.Token)).ConfigureAwait(false);
            await timer.CancelAsync().ConfigureAwait(false);
            Reset();
            cancellationToken.ThrowIfCancellationRequested();
        }
    }
}
