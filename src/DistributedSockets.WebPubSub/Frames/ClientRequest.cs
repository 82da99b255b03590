namespace DistributedSockets.WebPubSub;

/// <summary>What a client sent, whatever protocol it speaks. Its data borrows the memory of the message.</summary>
internal readonly record struct ClientRequest
{
    internal required ClientRequestKind Kind { get; init; }

    /// <summary>The number under which the client wants an answer; null for none.</summary>
    internal ulong? AckId { get; init; }

    /// <summary>The group, checked.</summary>
    internal string? Group { get; init; }

    /// <summary>The name of the event, checked.</summary>
    internal string? Event { get; init; }

    internal WebPubSubDataType DataType { get; init; }

    /// <summary>The payload as simple clients get it: UTF-8 of text and JSON, else the bytes.</summary>
    internal ReadOnlyMemory<byte> Data { get; init; }

    internal bool NoEcho { get; init; }

    /// <summary>For how long the message is worth sending; null for ever.</summary>
    internal TimeSpan? TimeToLive { get; init; }

    internal IReadOnlyDictionary<string, string>? Metadata { get; init; }

    internal string? InvocationId { get; init; }
}

/// <summary>The kinds of <see cref="ClientRequest"/>.</summary>
internal enum ClientRequestKind
{
    Ping,
    JoinGroup,
    LeaveGroup,
    SendToGroup,
    Event,
    SequenceAck,
    Invoke,
    CancelInvocation,
}
