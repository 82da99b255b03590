namespace DistributedSockets;

/// <summary>What an envelope carries. The numbers are part of the wire format.</summary>
/// <remarks>
/// A kind that is added has a number with <see cref="EnvelopeKnowledge.MayBeIgnored"/> only if nothing is lost at a node that does not know
/// it: its sender hears that nobody answered, or can do without. What carries a message to clients must be understood.
/// </remarks>
internal enum EnvelopeKind : byte
{
    /// <summary>A frame for connections.</summary>
    Frame = 1,

    /// <summary>A remote command.</summary>
    Command = 2,

    /// <summary>The answer to a remote command.</summary>
    Reply = 3,

    /// <summary>Who came and went, for rosters: whoever does not know it has none, and does not hear its channel.</summary>
    Presence = 4 | EnvelopeKnowledge.MayBeIgnored,

    /// <summary>Says in the log of a hub that entries are gone which it had given out. Whoever had not received them misses them, and must be told.</summary>
    LogGap = 5,

    /// <summary>Says in the log of a hub that sessions join or leave groups.</summary>
    SessionGroups = 6,

    /// <summary>Says in the log of a hub that the app ends sessions.</summary>
    SessionEnding = 7,
}
