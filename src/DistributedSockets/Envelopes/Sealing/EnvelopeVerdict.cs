namespace DistributedSockets;

/// <summary>What becomes of an envelope that has arrived, before anybody acts on its content.</summary>
internal enum EnvelopeVerdict
{
    Taken,

    /// <summary>This node published it.</summary>
    OwnEcho,

    /// <summary>It is no envelope of this version.</summary>
    Unreadable,

    /// <summary>A later version has put something into it that must be understood.</summary>
    NotUnderstood,

    /// <summary>It is something of a later version that may be ignored.</summary>
    Ignored,

    /// <summary>It is larger than <see cref="DistributedWebSocketsOptions.MaxEnvelopeBytes"/>.</summary>
    TooLarge,

    /// <summary>It is clear, and this node has keys.</summary>
    NotSealed,

    /// <summary>It is sealed, and this node has no keys.</summary>
    NoKeys,

    /// <summary>It is sealed with a key that this node does not have.</summary>
    UnknownKey,

    /// <summary>It was changed, published on another channel, or made without the key.</summary>
    NotAuthentic,

    /// <summary>It is the first of its sender, and older or newer than it may be.</summary>
    Stale,

    /// <summary>It was taken before.</summary>
    Replayed,

    /// <summary>So many newer ones of its sender came before that nobody knows whether it was taken, or it was held back for too long.</summary>
    Late,
}
