namespace DistributedSockets;

/// <summary>What the node of a connection says of a message for it.</summary>
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
}
