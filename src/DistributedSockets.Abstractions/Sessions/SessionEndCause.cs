namespace DistributedSockets;

/// <summary>Why a session ended.</summary>
public enum SessionEndCause
{
    /// <summary>The connection ended on its node. Raised there.</summary>
    Disconnected,

    /// <summary>The node's lease ran out. Raised once, on the one surviving node that claimed the session.</summary>
    NodeLost,
}
