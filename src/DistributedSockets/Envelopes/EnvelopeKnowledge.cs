namespace DistributedSockets;

/// <summary>Which kinds of envelopes, commands and extensions a reader knows.</summary>
/// <remarks>
/// Later versions add to each of them, and nodes of both run beside each other during a deploy. All three are numbered alike: the number of
/// what an older reader may pass over has <see cref="MayBeIgnored"/>, and anything else unknown is refused and reported.
/// </remarks>
internal sealed class EnvelopeKnowledge
{
    /// <summary>The bit of a number that says: who does not know it may ignore it.</summary>
    internal const byte MayBeIgnored = 0x80;

    private const int Numbers = byte.MaxValue + 1;

    private readonly bool[] _kinds = new bool[Numbers];
    private readonly bool[] _commands = new bool[Numbers];
    private readonly EnvelopeExtension?[] _extensions = new EnvelopeExtension?[Numbers];

    internal EnvelopeKnowledge(
        ReadOnlySpan<EnvelopeKind> kinds, ReadOnlySpan<RemoteCommandKind> commands, ReadOnlySpan<EnvelopeExtension> extensions)
    {
        foreach (var kind in kinds)
        {
            _kinds[(byte)kind] = true;
        }

        foreach (var command in commands)
        {
            _commands[(byte)command] = true;
        }

        foreach (var extension in extensions)
        {
            _extensions[extension.Id] = extension;
        }
    }

    /// <summary>All that this version knows.</summary>
    internal static EnvelopeKnowledge Current { get; } =
        new(Enum.GetValues<EnvelopeKind>(), Enum.GetValues<RemoteCommandKind>(), EnvelopeExtension.All);

    internal bool Knows(EnvelopeKind kind) => _kinds[(byte)kind];

    internal bool Knows(RemoteCommandKind command) => _commands[(byte)command];

    /// <summary>The extension with an id, if it is known.</summary>
    internal EnvelopeExtension? FindExtension(byte id) => _extensions[id];
}
