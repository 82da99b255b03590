namespace DistributedSockets.WebPubSub;

/// <summary>An event of a client. Its data is borrowed until the handler has returned.</summary>
internal readonly record struct ClientEvent
{
    internal required string Name { get; init; }

    internal required WebPubSubDataType DataType { get; init; }

    internal required ReadOnlyMemory<byte> Data { get; init; }

    /// <summary>What the client has sent beside it; null for nothing.</summary>
    internal IReadOnlyDictionary<string, string>? Metadata { get; init; }

    /// <summary>Whether the client asks for an answer of its own (invoke), instead of telling something.</summary>
    internal bool IsInvocation { get; init; }
}
