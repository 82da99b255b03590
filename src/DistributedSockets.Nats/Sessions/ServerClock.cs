namespace DistributedSockets;

/// <summary>What the time is on the server, never later than it is there, so that no lease seems to have run out early.</summary>
/// <remarks>Times of the server are compared with times of the server only; the clock of this machine tells how much time has passed since.</remarks>
internal sealed class ServerClock
{
    // How long the server's time is reckoned from an earlier answer. Another server, with another time, may lead by then.
    private static readonly TimeSpan MaxAge = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private DateTimeOffset _known;
    private long _knownAt;
    private bool _isKnown;

    /// <summary>Whether the server must be asked.</summary>
    public bool IsOld
    {
        get
        {
            lock (_gate)
            {
                return !_isKnown || Passed() > MaxAge;
            }
        }
    }

    public DateTimeOffset Now
    {
        get
        {
            lock (_gate)
            {
                return _known + Passed();
            }
        }
    }

    /// <summary>The server has just told its time.</summary>
    public void Set(DateTimeOffset time)
    {
        lock (_gate)
        {
            (_known, _knownAt, _isKnown) = (time, TimeProvider.System.GetTimestamp(), true);
        }
    }

    // Not by the time provider of the app, which a test may have stopped: the server's time goes on.
    private TimeSpan Passed() => TimeProvider.System.GetElapsedTime(_knownAt);
}
