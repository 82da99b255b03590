namespace DistributedSockets;

/// <summary>Lets through a few of the log messages or reports that somebody else can cause at will, and counts the others.</summary>
/// <remarks>For backplanes and session stores: whoever may write to their server must not be able to flood the log. May be called concurrently.</remarks>
public sealed class RareLog
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private readonly int _burst;
    private readonly TimeProvider _time;
    private long _began;
    private int _passed;
    private int _held;

    /// <summary>Creates a limit for one kind of message.</summary>
    /// <param name="burst">How many may pass within a minute, 1 or more.</param>
    /// <param name="time">The clock.</param>
    public RareLog(int burst, TimeProvider time)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(burst, 1);
        ArgumentNullException.ThrowIfNull(time);
        (_burst, _time) = (burst, time);
    }

    /// <summary>Whether to log now.</summary>
    /// <param name="held">How many were not logged since the last one that was.</param>
    public bool TryPass(out int held)
    {
        lock (_gate)
        {
            if (_passed == 0 || _time.GetElapsedTime(_began) >= Interval)
            {
                _began = _time.GetTimestamp();
                _passed = 0;
            }

            if (_passed == _burst)
            {
                held = ++_held;
                return false;
            }

            _passed++;
            held = _held;
            _held = 0;
            return true;
        }
    }
}
