namespace DistributedSockets;

/// <summary>What to do about a client that was silent.</summary>
internal enum PingStep
{
    Wait,
    Ping,
    GiveUp,
}

/// <summary>Remembers whether a client owes an answer to a ping.</summary>
internal struct PingState
{
    private long _pingedAt;

    /// <param name="tap">Knows when the client last sent anything.</param>
    /// <param name="waitingSince">Since when something is read from it; zero while nothing is.</param>
    /// <param name="services">What all connections share.</param>
    /// <param name="now">Now, as a timestamp.</param>
    internal PingStep Next(TapStream tap, long waitingSince, ConnectionServices services, long now)
    {
        if (_pingedAt != 0 && tap.LastReadAt >= _pingedAt)
        {
            _pingedAt = 0; // whatever came, came from a client that lives
        }

        if (_pingedAt == 0)
        {
            if (services.Time.GetElapsedTime(tap.LastReadAt, now) < services.Options.KeepAliveInterval)
            {
                return PingStep.Wait;
            }

            _pingedAt = now;
            return PingStep.Ping;
        }

        // An answer is read only while a message is waited for; the time the handler takes is not the client's.
        return waitingSince != 0 && services.Time.GetElapsedTime(Math.Max(_pingedAt, waitingSince), now) >= services.Options.KeepAliveTimeout
            ? PingStep.GiveUp
            : PingStep.Wait;
    }
}
