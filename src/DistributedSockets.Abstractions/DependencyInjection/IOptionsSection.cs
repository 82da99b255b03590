namespace DistributedSockets;

/// <summary>A section, whatever its options.</summary>
internal interface IOptionsSection
{
    string Path { get; }

    IReadOnlyList<OptionKey> Keys { get; }
}
