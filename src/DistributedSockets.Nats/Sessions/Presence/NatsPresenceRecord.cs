using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>What the value of a presence record holds: its key, since that may be hashed in the subject, and what was written.</summary>
internal static class NatsPresenceRecord
{
    internal static byte[] Write(string key, ReadOnlyMemory<byte> value)
    {
        var keyBytes = Encoding.UTF8.GetByteCount(key);
        var written = new byte[sizeof(ushort) + keyBytes + value.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(written, checked((ushort)keyBytes));
        Encoding.UTF8.GetBytes(key, written.AsSpan(sizeof(ushort)));
        value.CopyTo(written.AsMemory(sizeof(ushort) + keyBytes));
        return written;
    }

    /// <summary>Reads what may be anything; null if it is no record.</summary>
    internal static PresenceRecord? Read(JetStreamEntry? entry)
    {
        ReadOnlyMemory<byte> bytes = entry?.Value;
        if (entry is null || !BinaryPrimitives.TryReadUInt16LittleEndian(bytes.Span, out var keyBytes) || bytes.Length < sizeof(ushort) + keyBytes
            || !Utf8.IsValid(bytes.Span.Slice(sizeof(ushort), keyBytes)))
        {
            return null;
        }

        return new()
        {
            Key = Encoding.UTF8.GetString(bytes.Span.Slice(sizeof(ushort), keyBytes)),
            Version = (long)entry.Sequence,
            Value = bytes[(sizeof(ushort) + keyBytes)..],
        };
    }

    /// <summary>Reads what may be anything. What is no record is an empty one, so that it can be replaced.</summary>
    internal static PresenceRecord? ReadOrEmpty(string key, JetStreamEntry? entry) =>
        entry is null ? null : Read(entry) is { } record && record.Key == key ? record : new() { Key = key, Version = (long)entry.Sequence, Value = default };
}
