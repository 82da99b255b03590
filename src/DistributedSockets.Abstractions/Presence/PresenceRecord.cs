namespace DistributedSockets;

/// <summary>A record of an <see cref="IPresenceStore"/>.</summary>
public sealed record PresenceRecord
{
    /// <summary>The key.</summary>
    public required string Key { get; init; }

    /// <summary>The version that its last write got; 1 or more.</summary>
    public required long Version { get; init; }

    /// <summary>What was written. It stays as it is.</summary>
    public required ReadOnlyMemory<byte> Value { get; init; }
}
