namespace DistributedSockets;

/// <summary>Lets through a few of the log messages that somebody else can cause at will, and counts the others.</summary>
/// <param name="burst">How many may pass within a minute.</param>
/// <param name="time">The clock.</param>
internal sealed class RareLog(int burst, TimeProvider time)
{
    private static readonly TimeSpan Interval = TimeSpan.FromMinutes(1);

    private readonly Lock _gate = new();
    private long _began;
    private int _passed;
    private int _held;

    /// <summary>Whether to log.</summary>
    /// <param name="held">How many were not logged since the last one that was.</param>
    public bool TryPass(out int held)
    {
        lock (_gate)
        {
            if (_passed == 0 || time.GetElapsedTime(_began) >= Interval)
            {
                _began = time.GetTimestamp();
                _passed = 0;
            }

            if (_passed == burst)
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
