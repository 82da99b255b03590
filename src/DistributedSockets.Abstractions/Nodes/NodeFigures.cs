namespace DistributedSockets;

/// <summary>What a node measures of itself at each heartbeat.</summary>
/// <remarks>Nodes of other versions may tell more or less; what is not told is zero.</remarks>
public sealed record NodeFigures
{
    /// <summary>How many connections are open, over all hubs.</summary>
    public long Connections { get; init; }

    /// <summary>How many bytes wait in the outbound queues of all connections.</summary>
    public long QueuedBytes { get; init; }

    /// <summary>How much memory the process has, in bytes: its working set.</summary>
    public long MemoryBytes { get; init; }
}
