namespace DistributedSockets;

/// <summary>What the node of a connection says of a message for it, or the log of a session that can be resumed.</summary>
public enum ConfirmedSendOutcome
{
    /// <summary>It was queued for the client. Whether the client gets it is not known.</summary>
    Queued,

    /// <summary>There is no such connection, or it has begun to end. It was not queued, and will not be.</summary>
    NotFound,

    /// <summary>The connection's node did not answer in time. It may have been queued, or may still be.</summary>
    NoAnswer,

    /// <summary>The connection is there and did not take it: its queue was full.</summary>
    Dropped,

    /// <summary>
    /// It is in the hub's log, and the session to which it was sent is there, its client connected or away: that gets it now, or when it comes back before the session
    /// ends. What is sent to a session that can be resumed is confirmed so, unless the options say that it is not logged.
    /// </summary>
    Logged,
}
