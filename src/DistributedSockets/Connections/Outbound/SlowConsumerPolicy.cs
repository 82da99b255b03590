namespace DistributedSockets;

/// <summary>What happens when a frame does not fit into a connection's outbound queue.</summary>
public enum SlowConsumerPolicy
{
    /// <summary>The connection is closed with 1008; its client reconnects and starts afresh.</summary>
    Close,

    /// <summary>The new frame is dropped and counted.</summary>
    DropNewest,

    /// <summary>The oldest waiting frames are dropped and counted until the new one fits.</summary>
    DropOldest,
}
