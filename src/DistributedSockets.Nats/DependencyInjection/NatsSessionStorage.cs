namespace DistributedSockets;

/// <summary>Where the NATS server keeps sessions.</summary>
public enum NatsSessionStorage
{
    /// <summary>In memory. After a restart of the server, the nodes write their sessions anew.</summary>
    Memory,

    /// <summary>In files, which a restart of the server keeps.</summary>
    File,
}
