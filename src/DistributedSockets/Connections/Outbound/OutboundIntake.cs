namespace DistributedSockets;

/// <summary>Whether an outbound queue takes frames. Once it has stopped to, it never does again.</summary>
internal enum OutboundIntake
{
    Open,

    /// <summary>It was full, the policy is to close, and the owner has not been told yet.</summary>
    Overrun,

    Closed,
}
