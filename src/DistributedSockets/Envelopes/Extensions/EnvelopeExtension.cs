namespace DistributedSockets;

/// <summary>Something that may stand in the extension area of an envelope of any kind.</summary>
/// <remarks>
/// To add one: a static member here, in <see cref="All"/> and counted by <see cref="Count"/>; what is written of it, in
/// <see cref="EnvelopeExtensions"/>; and its row and a vector in the wire format. Whatever decides who receives something must be
/// understood. So an extension that may be ignored has its meaning only for those who know it, and all others do as before it existed.
/// </remarks>
internal sealed class EnvelopeExtension
{
    /// <summary>How many extensions there are.</summary>
    internal const int Count = 6;

    /// <summary>The most bytes of <see cref="Metadata"/>.</summary>
    internal const int MaxMetadataBytes = 16_384;

    /// <summary>What stands before the value: the id and the length.</summary>
    internal const int HeaderBytes = 1 + sizeof(ushort);

    /// <summary>The W3C trace context of the activity that sent: <see cref="TraceContextValue"/>.</summary>
    internal static readonly EnvelopeExtension TraceContext =
        new(EnvelopeKnowledge.MayBeIgnored | 1, index: 0, TraceContextValue.MinBytes, TraceContextValue.MaxBytes);

    /// <summary>For how long the message is worth writing: milliseconds, counted by each node from when it gets the envelope.</summary>
    internal static readonly EnvelopeExtension TimeToLive = new(EnvelopeKnowledge.MayBeIgnored | 2, index: 1, sizeof(uint), sizeof(uint));

    /// <summary>What the message is the newest state of, in UTF-8.</summary>
    internal static readonly EnvelopeExtension ConflationKey = new(EnvelopeKnowledge.MayBeIgnored | 3, index: 2, 1, Names.MaxBytes);

    /// <summary>Under which id the node of a connection answers whether it has queued the message, as it answers a command.</summary>
    internal static readonly EnvelopeExtension Confirmation =
        new(EnvelopeKnowledge.MayBeIgnored | 4, index: 3, EnvelopeWriter.GuidBytes, EnvelopeWriter.GuidBytes);

    /// <summary>Who of the target gets the message, in the language of the hub. It must be understood: else everyone would get it.</summary>
    internal static readonly EnvelopeExtension Filter = new(5, index: 4, 1, RecipientFilters.MaxBytes);

    /// <summary>What the subprotocols of the hub are to know of the message.</summary>
    internal static readonly EnvelopeExtension Metadata = new(EnvelopeKnowledge.MayBeIgnored | 6, index: 5, 1, MaxMetadataBytes);

    private EnvelopeExtension(byte id, int index, int minBytes, int maxBytes)
    {
        Id = id;
        Index = index;
        MinBytes = minBytes;
        MaxBytes = maxBytes;
    }

    /// <summary>All of them, by their index.</summary>
    internal static EnvelopeExtension[] All => [TraceContext, TimeToLive, ConflationKey, Confirmation, Filter, Metadata];

    /// <summary>Its number, never used again. With <see cref="EnvelopeKnowledge.MayBeIgnored"/>, older readers pass over it; else they refuse the envelope.</summary>
    internal byte Id { get; }

    internal bool MayBeIgnored => (Id & EnvelopeKnowledge.MayBeIgnored) != 0;

    /// <summary>Where its position stands among those of an envelope.</summary>
    internal int Index { get; }

    /// <summary>The fewest bytes that its value has.</summary>
    internal int MinBytes { get; }

    /// <summary>The most bytes that its value has.</summary>
    internal int MaxBytes { get; }
}
