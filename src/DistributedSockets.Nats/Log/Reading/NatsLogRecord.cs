namespace DistributedSockets;

/// <summary>An entry as it is read, with what it stands under.</summary>
/// <param name="Key">The key of its target; see <see cref="NatsLogStream.KeyOf(LogTarget)"/>.</param>
/// <param name="Targets">The hashes of its targets if it has several.</param>
/// <param name="Entry">The entry.</param>
internal sealed record NatsLogRecord(string Key, UInt128[] Targets, LogEntry Entry)
{
    public static NatsLogRecord Of(NatsLogStream stream, in NatsLogDelivery delivery, string subject, ReadOnlyMemory<byte> message)
    {
        var key = stream.KeyOf(subject);
        return new(key.ToString(), NatsLogStream.IsList(key) ? NatsLogTargets.Read(message.Span) : [], EntryOf(stream, delivery, subject, message));
    }

    /// <summary>The entry that a message is. Whatever else anybody has published takes its offset, too, and is left to whoever reads envelopes.</summary>
    public static LogEntry EntryOf(NatsLogStream stream, in NatsLogDelivery delivery, string subject, ReadOnlyMemory<byte> message) => new()
    {
        Offset = delivery.Sequence - 1,
        PreviousOffset = delivery.Sequence - 2,
        AppendedAt = delivery.Time,
        Payload = NatsLogStream.IsList(stream.KeyOf(subject)) ? NatsLogTargets.PayloadOf(message) : message,
    };
}
