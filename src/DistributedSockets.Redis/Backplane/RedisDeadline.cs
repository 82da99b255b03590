namespace DistributedSockets;

/// <summary>Bounds how long publishes wait, with one timer for all of them: it is armed for the oldest.</summary>
internal sealed class RedisDeadline : IDisposable
{
    private static readonly TimeSpan TimerResolution = TimeSpan.FromMilliseconds(1);

    private readonly Lock _lock = new();
    private readonly Queue<RedisPublish> _bounded = new(); // in the order of calls; those that have ended leave when they are at the head
    private readonly Action<RedisPublish> _onLate;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private bool _isArmed;

    /// <param name="timeout">How long each may wait.</param>
    /// <param name="onLate">Called with each that has waited for so long.</param>
    /// <param name="time">The clock.</param>
    public RedisDeadline(TimeSpan timeout, Action<RedisPublish> onLate, TimeProvider time)
    {
        (_timeout, _onLate, _time) = (timeout, onLate, time);
        _timer = time.CreateTimer(static state => ((RedisDeadline)state!).OnTime(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public void Add(RedisPublish publish)
    {
        lock (_lock)
        {
            while (_bounded.TryPeek(out var oldest) && oldest.IsEnded)
            {
                _bounded.Dequeue();
            }

            _bounded.Enqueue(publish);
            if (!_isArmed)
            {
                ArmLocked(_timeout);
            }
        }
    }

    /// <summary>Takes all that still wait out.</summary>
    public RedisPublish[] TakeAll()
    {
        lock (_lock)
        {
            RedisPublish[] waiting = [.. _bounded];
            _bounded.Clear();
            return waiting;
        }
    }

    public void Dispose() => _timer.Dispose();

    private void ArmLocked(TimeSpan left)
    {
        _isArmed = true;
        _timer.Change(left > TimerResolution ? left : TimerResolution, Timeout.InfiniteTimeSpan);
    }

    private void OnTime()
    {
        var late = new List<RedisPublish>();
        lock (_lock)
        {
            _isArmed = false;
            while (_bounded.TryPeek(out var oldest))
            {
                var left = _timeout - _time.GetElapsedTime(oldest.StartedAt);
                if (!oldest.IsEnded && left > TimeSpan.Zero)
                {
                    ArmLocked(left);
                    break;
                }

                late.Add(_bounded.Dequeue());
            }
        }

        foreach (var publish in late)
        {
            if (!publish.IsEnded)
            {
                _onLate(publish);
            }
        }
    }
}
