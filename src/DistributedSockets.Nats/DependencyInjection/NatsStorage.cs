namespace DistributedSockets;

/// <summary>Where JetStream keeps what it is given.</summary>
public enum NatsStorage
{
    /// <summary>In memory. After a restart of the server, nodes write their sessions anew, and a message log begins another epoch.</summary>
    Memory,

    /// <summary>In files, which a restart of the server keeps.</summary>
    File,
}
