namespace DistributedSockets;

/// <summary>What is known of the transport of a backplane.</summary>
public enum TransportState
{
    /// <summary>It has neither been there nor been reported as away yet.</summary>
    Starting,

    /// <summary>It is there, and every subscription is in force.</summary>
    Available,

    /// <summary>A part of it is away, such as one of several servers.</summary>
    PartlyUnavailable,

    /// <summary>It is away.</summary>
    Unavailable,
}
