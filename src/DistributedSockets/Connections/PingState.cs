namespace DistributedSockets;

/// <summary>Sends pings to a client that is silent, and remembers whether it owes an answer.</summary>
internal struct PingState
{
    private long _pingedAt;
    private long _answerDueSince;
    private long _takenAt;
    private int _flushes;
    private bool _isWritten;

    /// <summary>Sends a ping if one is due. Called from time to time.</summary>
    /// <param name="tap">Knows when the client last sent anything.</param>
    /// <param name="queue">Writes the pings.</param>
    /// <param name="waitingSince">Since when something is read from the client; zero while nothing is.</param>
    /// <param name="options">How long a client may be silent, and may take to answer.</param>
    /// <param name="time">The clock.</param>
    /// <param name="now">Now, as its timestamp.</param>
    /// <returns>Whether the client has left a ping unanswered, or taken nothing of what is written to it, for longer than it may.</returns>
    internal bool HasFailed(TapStream tap, OutboundQueue queue, long waitingSince, HubOptions options, TimeProvider time, long now)
    {
        if (_pingedAt != 0 && tap.LastReadAt >= _pingedAt)
        {
            _pingedAt = 0; // whatever came, came from a client that lives
        }

        if (_pingedAt == 0)
        {
            if (time.GetElapsedTime(tap.LastReadAt, now) < options.KeepAliveInterval)
            {
                return false;
            }

            (_pingedAt, _answerDueSince, _takenAt, _flushes, _isWritten) = (now, now, now, queue.Flushes, false);
            queue.Ping();
        }

        // The answer is due from when the ping has gone out. It may wait behind a large frame, which a slow client takes bit by bit.
        var wasWritten = _isWritten;
        _isWritten = wasWritten || !queue.IsPingWaiting;
        if (_flushes != queue.Flushes || (wasWritten && queue.QueuedBytes == 0))
        {
            (_takenAt, _flushes) = (now, queue.Flushes);
        }

        if (!wasWritten)
        {
            _answerDueSince = _takenAt;
        }

        // An answer is read only while a message is waited for; the time the handler takes is not the client's. But a handler may be busy
        // waiting for the client to take what it streams.
        return waitingSince != 0
            ? time.GetElapsedTime(Math.Max(_answerDueSince, waitingSince), now) >= options.KeepAliveTimeout
            : time.GetElapsedTime(_takenAt, now) >= options.KeepAliveTimeout && (!_isWritten || queue.QueuedBytes > 0);
    }
}
