namespace DistributedSockets;

/// <summary>What may have lost messages.</summary>
public enum PossibleLossCause
{
    /// <summary>The backplane was away and has come back.</summary>
    BackplaneReconnected,

    /// <summary>Envelopes arrived faster than this node could deliver them.</summary>
    LaneFull,

    /// <summary>An envelope could not be read.</summary>
    UnreadableEnvelope,

    /// <summary>The transport reported a loss.</summary>
    Transport,

    /// <summary>The message log had lost or removed entries before this node had delivered them.</summary>
    MessageLog,
}
