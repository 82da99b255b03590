using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Testing;

/// <summary>The clock of one node: the cluster's, but it knows when its next timer is due, and stands still for a node that was killed.</summary>
internal sealed class NodeClock(FakeTimeProvider time, Pulse pulse) : TimeProvider
{
    private readonly Lock _gate = new();
    private readonly HashSet<Timer> _armed = [];
    private volatile bool _stopped;
    private int _created;

    /// <summary>How many timers have been made.</summary>
    internal int CreatedCount => Volatile.Read(ref _created);

    private FakeTimeProvider Time => time;

    private Pulse Pulse => pulse;

    /// <summary>When the next timer is due, if any is.</summary>
    internal DateTimeOffset? NextDue
    {
        get
        {
            lock (_gate)
            {
                return _stopped || _armed.Count == 0 ? null : _armed.Min(static timer => timer.DueAt);
            }
        }
    }

    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    public override long TimestampFrequency => time.TimestampFrequency;

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

    public override long GetTimestamp() => time.GetTimestamp();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(this, callback, state, dueTime, period);
        Interlocked.Increment(ref _created);
        pulse.Fire();
        return timer;
    }

    /// <summary>No timer calls back from now on, or they do again.</summary>
    internal void Stop(bool stopped) => _stopped = stopped;

    private sealed class Timer : ITimer
    {
        private readonly NodeClock _clock;
        private readonly TimerCallback _callback;
        private readonly object? _state;
        private readonly ITimer _inner;
        private TimeSpan _period;

        internal Timer(NodeClock clock, TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_clock, _callback, _state) = (clock, callback, state);
            _inner = clock.Time.CreateTimer(static state => ((Timer)state!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan); // state is this
            Change(dueTime, period);
        }

        internal DateTimeOffset DueAt { get; private set; }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            lock (_clock._gate)
            {
                _period = period;
                ArmLocked(dueTime, _clock.GetUtcNow());
            }

            _clock.Pulse.Fire();
            return _inner.Change(dueTime, period);
        }

        public void Dispose()
        {
            lock (_clock._gate)
            {
                _clock._armed.Remove(this);
            }

            _inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void OnDue()
        {
            lock (_clock._gate)
            {
                if (!_clock._armed.Contains(this))
                {
                    return; // disposed meanwhile
                }

                ArmLocked(_period > TimeSpan.Zero ? _period : Timeout.InfiniteTimeSpan, DueAt);
            }

            if (!_clock._stopped)
            {
                _callback(_state);
                _clock.Pulse.Fire();
            }
        }

        private void ArmLocked(TimeSpan dueTime, DateTimeOffset from)
        {
            if (dueTime == Timeout.InfiniteTimeSpan)
            {
                _clock._armed.Remove(this);
            }
            else
            {
                DueAt = from + dueTime;
                _clock._armed.Add(this);
            }
        }
    }
}
