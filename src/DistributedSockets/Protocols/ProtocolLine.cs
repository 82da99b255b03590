namespace DistributedSockets;

/// <summary>What a message of the client of a session is: one for the app, or a word of the protocol.</summary>
public readonly struct ProtocolLine
{
    private ProtocolLine(ProtocolLineKind kind, long number = 0, string? id = null, int payloadAt = 0, bool isStrict = false) =>
        (Kind, Number, Id, PayloadAt, IsStrict) = (kind, number, id, payloadAt, isStrict);

    /// <summary>Nothing that the protocol knows: the connection is closed with 1008. The session stays.</summary>
    public static ProtocolLine Unknown => default;

    internal ProtocolLineKind Kind { get; }

    internal long Number { get; }

    internal string? Id { get; }

    internal int PayloadAt { get; }

    internal bool IsStrict { get; }

    /// <summary>The client has all messages up to a number.</summary>
    /// <param name="number">The number.</param>
    /// <param name="isStrict">Whether one that was never sent is a violation, which closes the connection; else it is passed over.</param>
    public static ProtocolLine Acknowledge(long number, bool isStrict = true) => new(ProtocolLineKind.Acknowledge, number, isStrict: isStrict);

    /// <summary>A message for the handler.</summary>
    /// <param name="payloadAt">Where it begins.</param>
    /// <param name="id">Its id, by which a repeat is known: the handler is called once for it, and <see cref="ResumableWebSocketProtocol.Handled"/> answers.</param>
    public static ProtocolLine Message(int payloadAt = 0, string? id = null) => new(ProtocolLineKind.Message, id: id, payloadAt: payloadAt);
}

/// <summary>The kinds of <see cref="ProtocolLine"/>.</summary>
internal enum ProtocolLineKind
{
    Unknown,
    Acknowledge,
    Message,
}
