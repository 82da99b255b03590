namespace DistributedSockets;

/// <summary>What a store keeps of a session, under its version.</summary>
public sealed class SessionRecord
{
    /// <summary>The version: any number but 0, drawn at random for each writing.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is 0, which stands for no record.</exception>
    public required long Version
    {
        get;
        init => field = value != 0 ? value : throw new ArgumentOutOfRangeException(nameof(value), value, "A version is any number but 0.");
    }

    /// <summary>What the record holds: up to <see cref="ISessionRecordStore.MaxRecordBytes"/>, or more where the store takes it. What a store gives out is never changed afterwards.</summary>
    public required ReadOnlyMemory<byte> Value { get; init; }
}
