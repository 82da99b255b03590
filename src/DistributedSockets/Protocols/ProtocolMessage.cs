namespace DistributedSockets;

/// <summary>A message that a <see cref="WebSocketProtocol"/> is to encode.</summary>
public readonly ref struct ProtocolMessage
{
    /// <param name="payload">What was sent.</param>
    /// <param name="isText">Whether it was sent as text, and so is valid UTF-8.</param>
    /// <param name="metadata">What was sent beside it.</param>
    public ProtocolMessage(ReadOnlySpan<byte> payload, bool isText, ReadOnlySpan<byte> metadata = default)
    {
        Payload = payload;
        IsText = isText;
        Metadata = metadata;
    }

    /// <summary>What was sent.</summary>
    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Whether it was sent as text, and so is valid UTF-8.</summary>
    public bool IsText { get; }

    /// <summary><see cref="SendOptions.Metadata"/> of the send; empty if it had none.</summary>
    public ReadOnlySpan<byte> Metadata { get; }
}
