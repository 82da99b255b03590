using System.Buffers.Binary;

namespace DistributedSockets;

/// <summary>A ticket in its bucket, behind the time when it runs out.</summary>
internal static class NatsTicketRecord
{
    public static byte[] Write(DateTimeOffset expiresAt, ReadOnlySpan<byte> ticket)
    {
        var record = new byte[sizeof(long) + ticket.Length];
        BinaryPrimitives.WriteInt64LittleEndian(record, expiresAt.UtcTicks);
        ticket.CopyTo(record.AsSpan(sizeof(long)));
        return record;
    }

    /// <returns>The ticket; null if its time is over, or if this is no such record.</returns>
    public static byte[]? Read(byte[] record, DateTimeOffset now) =>
        record.Length >= sizeof(long) && BinaryPrimitives.ReadInt64LittleEndian(record) > now.UtcTicks ? record[sizeof(long)..] : null;
}
