using Microsoft.Extensions.Time.Testing;

namespace DistributedSockets.Redis.Tests;

/// <summary>A clock that knows how many timers run on it: a test can wait until the code under test waits, and then let time pass.</summary>
internal sealed class WatchedTime : FakeTimeProvider
{
    private int _armed;

    /// <summary>How many timers are due some time.</summary>
    internal int ArmedTimers => Volatile.Read(ref _armed);

    /// <inheritdoc/>
    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        ArgumentNullException.ThrowIfNull(callback);
        var timer = new Timer(this, callback, state, period);
        timer.Inner = base.CreateTimer(static state => ((Timer)state!).OnDue(), timer, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan); // state is timer
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class Timer(WatchedTime time, TimerCallback callback, object? state, TimeSpan period) : ITimer
    {
        private int _isArmed;
        private TimeSpan _period = period;

        internal ITimer Inner { private get; set; } = null!; // set at once

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _period = period;
            Arm(dueTime != Timeout.InfiniteTimeSpan);
            return Inner.Change(dueTime, period);
        }

        public void Dispose()
        {
            Arm(false);
            Inner.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        internal void OnDue()
        {
            Arm(_period > TimeSpan.Zero);
            callback(state);
        }

        private void Arm(bool isArmed)
        {
            if (Interlocked.Exchange(ref _isArmed, isArmed ? 1 : 0) != (isArmed ? 1 : 0))
            {
                Interlocked.Add(ref time._armed, isArmed ? 1 : -1);
            }
        }
    }
}
