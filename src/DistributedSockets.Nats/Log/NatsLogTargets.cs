using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;

namespace DistributedSockets;

/// <summary>The targets of an entry that has several, as they stand before its payload: their number in two bytes, then 16 bytes of hash for each.</summary>
internal static class NatsLogTargets
{
    private const int HashBytes = 16;

    /// <summary>How many bytes they take.</summary>
    public static int Bytes(IReadOnlyList<LogTarget> targets) => targets.Count == 1 ? 0 : sizeof(ushort) + (targets.Count * HashBytes);

    public static void Write(IBufferWriter<byte> writer, IReadOnlyList<LogTarget> targets)
    {
        var bytes = Bytes(targets);
        if (bytes == 0)
        {
            return;
        }

        var span = writer.GetSpan(bytes);
        BinaryPrimitives.WriteUInt16LittleEndian(span, checked((ushort)targets.Count));
        for (var i = 0; i < targets.Count; i++)
        {
            BinaryPrimitives.WriteUInt128LittleEndian(span[(sizeof(ushort) + (i * HashBytes))..], HashOf(targets[i]));
        }

        writer.Advance(bytes);
    }

    /// <summary>What stands behind the targets; all of it if there are none to be read.</summary>
    public static ReadOnlyMemory<byte> PayloadOf(ReadOnlyMemory<byte> message) => message[LengthIn(message.Span)..];

    /// <summary>The hashes of the targets of what may be anything; none if they cannot be read.</summary>
    public static UInt128[] Read(ReadOnlySpan<byte> message)
    {
        var hashes = new UInt128[LengthIn(message) / HashBytes];
        for (var i = 0; i < hashes.Length; i++)
        {
            hashes[i] = BinaryPrimitives.ReadUInt128LittleEndian(message[(sizeof(ushort) + (i * HashBytes))..]);
        }

        return hashes;
    }

    private static int LengthIn(ReadOnlySpan<byte> message)
    {
        if (message.Length < sizeof(ushort))
        {
            return 0;
        }

        var length = sizeof(ushort) + (BinaryPrimitives.ReadUInt16LittleEndian(message) * HashBytes);
        return length <= message.Length ? length : 0;
    }

    public static UInt128 HashOf(LogTarget target)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        var name = target.Name;
        var bytes = ArrayPool<byte>.Shared.Rent(1 + Encoding.UTF8.GetMaxByteCount(name.Length));
        bytes[0] = (byte)target.Kind;
        SHA256.HashData(bytes.AsSpan(0, 1 + Encoding.UTF8.GetBytes(name, bytes.AsSpan(1))), hash);
        ArrayPool<byte>.Shared.Return(bytes);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
