namespace DistributedSockets;

/// <summary>What an envelope carries.</summary>
internal enum EnvelopeKind : byte
{
    /// <summary>A frame for connections.</summary>
    Frame = 1,

    /// <summary>A remote command.</summary>
    Command = 2,

    /// <summary>The answer to a remote command.</summary>
    Reply = 3,
}
