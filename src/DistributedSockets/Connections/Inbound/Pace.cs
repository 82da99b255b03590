namespace DistributedSockets;

/// <summary>Spaces events evenly, but for a second's worth that may come at once. No timer, no allocation.</summary>
/// <remarks>The generic cell rate algorithm: it remembers only when the next event would be due if all had come evenly.</remarks>
internal struct Pace(int perSecond)
{
    private long _due;

    /// <summary>Takes events into account that happen now.</summary>
    /// <param name="events">How many.</param>
    /// <param name="time">The clock.</param>
    /// <param name="now">Now, as its timestamp.</param>
    /// <returns>How long they have to wait; zero or less if they need not.</returns>
    internal TimeSpan Take(int events, TimeProvider time, long now)
    {
        _due = Math.Max(_due, now) + (long)((double)events / perSecond * time.TimestampFrequency);
        return time.GetElapsedTime(now + time.TimestampFrequency, _due);
    }

    /// <summary>Takes one event into account if it need not wait.</summary>
    /// <param name="time">The clock.</param>
    /// <param name="now">Now, as its timestamp.</param>
    internal bool TryTake(TimeProvider time, long now)
    {
        var taken = this;
        if (taken.Take(1, time, now) > TimeSpan.Zero)
        {
            return false; // and not counted, so that those who are refused keep nobody else out
        }

        this = taken;
        return true;
    }
}
