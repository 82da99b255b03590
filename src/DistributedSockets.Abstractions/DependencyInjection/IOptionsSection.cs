namespace DistributedSockets;

/// <summary>A section, whatever its options.</summary>
internal interface IOptionsSection
{
    string Path { get; }

    /// <summary>Whether the keys stand in a section for each name within it.</summary>
    bool IsPerName { get; }

    IReadOnlyList<OptionKey> Keys { get; }
}
