namespace DistributedSockets.ClusterTests;

/// <summary>What a process can be told from outside.</summary>
internal enum Signal
{
    /// <summary>Please stop: SIGTERM.</summary>
    Terminate,

    /// <summary>Freeze: SIGSTOP.</summary>
    Freeze,

    /// <summary>Go on: SIGCONT.</summary>
    Thaw,
}
