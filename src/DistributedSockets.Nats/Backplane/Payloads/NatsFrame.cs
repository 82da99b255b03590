using System.Buffers;
using System.Buffers.Binary;

namespace DistributedSockets;

/// <summary>What a NATS message of the backplane holds: a whole payload, or one part of it.</summary>
/// <remarks>
/// <code>
/// whole:  0 | payload
/// part:   1 | publisher (8) | number (8) | total bytes (4) | offset (4) | bytes
/// </code>
/// Integers are little-endian. The parts of a payload follow each other in order; the parts of two payloads of one publisher on one channel are
/// never mixed.
/// </remarks>
internal static class NatsFrame
{
    public const byte Whole = 0;
    public const byte Part = 1;

    public const int WholeHeaderBytes = 1;
    public const int PartHeaderBytes = 1 + (2 * sizeof(ulong)) + (2 * sizeof(int));

    public static void WriteWhole(IBufferWriter<byte> writer, ReadOnlySpan<byte> payload)
    {
        var span = writer.GetSpan(WholeHeaderBytes + payload.Length);
        span[0] = Whole;
        payload.CopyTo(span[WholeHeaderBytes..]);
        writer.Advance(WholeHeaderBytes + payload.Length);
    }

    public static void WritePart(IBufferWriter<byte> writer, NatsPart part, ReadOnlySpan<byte> bytes)
    {
        var span = writer.GetSpan(PartHeaderBytes + bytes.Length);
        span[0] = Part;
        BinaryPrimitives.WriteUInt64LittleEndian(span[1..], part.Publisher);
        BinaryPrimitives.WriteUInt64LittleEndian(span[9..], part.Number);
        BinaryPrimitives.WriteInt32LittleEndian(span[17..], part.TotalBytes);
        BinaryPrimitives.WriteInt32LittleEndian(span[21..], part.Offset);
        bytes.CopyTo(span[PartHeaderBytes..]);
        writer.Advance(PartHeaderBytes + bytes.Length);
    }

    /// <summary>Reads the header of a part.</summary>
    /// <returns><see langword="false"/> if no publisher writes such a part.</returns>
    public static bool TryReadPart(in ReadOnlySequence<byte> message, int maxPayloadBytes, out NatsPart part)
    {
        part = default;
        if (message.Length <= PartHeaderBytes)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[PartHeaderBytes];
        message.Slice(0, PartHeaderBytes).CopyTo(header);
        part = new NatsPart(
            BinaryPrimitives.ReadUInt64LittleEndian(header[1..]),
            BinaryPrimitives.ReadUInt64LittleEndian(header[9..]),
            BinaryPrimitives.ReadInt32LittleEndian(header[17..]),
            BinaryPrimitives.ReadInt32LittleEndian(header[21..]));
        var bytes = message.Length - PartHeaderBytes;
        return part.TotalBytes > 0 && part.TotalBytes <= maxPayloadBytes && part.Offset >= 0 && bytes <= part.TotalBytes - part.Offset;
    }
}
