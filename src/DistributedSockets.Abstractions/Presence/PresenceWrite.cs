namespace DistributedSockets;

/// <summary>A change of one record of an <see cref="IPresenceStore"/>, on condition.</summary>
public sealed record PresenceWrite
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>The version that the record must have; 0 if there must be none.</summary>
    public required long ExpectedVersion { get; init; }

    /// <summary>What to write; <see langword="null"/> deletes the record. It stays as it is.</summary>
    public required ReadOnlyMemory<byte>? Value { get; init; }
}
