using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Text;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>Writes and reads what stands in the record of a session. The layout is in <c>docs/wire-format.md</c>.</summary>
internal static class SessionCheckpointFormat
{
    private const byte Version = 1;
    private const int HeadBytes = 1 + sizeof(uint); // the version, and a checksum of all that stands behind it

    internal static byte[] Write(SessionCheckpoint checkpoint)
    {
        var output = new ArrayBufferWriter<byte>();
        output.Write<byte>([Version, 0, 0, 0, 0]);
        WriteString(output, checkpoint.Owner);
        WriteInt64(output, checkpoint.Position.Epoch);
        WriteInt64(output, checkpoint.Position.Offset);
        WriteInt64(output, checkpoint.Number);
        output.Write(checkpoint.TokenDigest.Span);
        WriteString(output, checkpoint.UserId ?? ""); // no user has an empty id
        WriteInt64(output, checkpoint.ConnectedAt.UtcTicks);
        WriteStrings(output, checkpoint.Groups);
        WriteInt32(output, checkpoint.Properties.Count);
        foreach (var (name, value) in checkpoint.Properties)
        {
            WriteString(output, name);
            WriteString(output, value);
        }

        WriteStrings(output, checkpoint.HandledIds);
        WriteInt64(output, checkpoint.NotUnderstoodAt);
        var record = output.WrittenSpan.ToArray();
        BinaryPrimitives.WriteUInt32LittleEndian(record.AsSpan(1), ChecksumOf(record.AsSpan(HeadBytes)));
        return record;
    }

    /// <inheritdoc cref="TryRead(ReadOnlyMemory{byte}, out SessionCheckpoint?, out string?)"/>
    internal static bool TryRead(ReadOnlyMemory<byte> record, [NotNullWhen(true)] out SessionCheckpoint? checkpoint) => TryRead(record, out checkpoint, out _);

    /// <summary>Reads a record, behind which a later version may have added something. Never trusts a length.</summary>
    /// <param name="record">The record.</param>
    /// <param name="checkpoint">What it holds.</param>
    /// <param name="problem">What is wrong with it, and what to do.</param>
    internal static bool TryRead(ReadOnlyMemory<byte> record, [NotNullWhen(true)] out SessionCheckpoint? checkpoint, [NotNullWhen(false)] out string? problem)
    {
        checkpoint = null;
        problem = record.Span switch
        {
            { Length: < HeadBytes } => $"It has {record.Length} bytes, which is too short. Something else than a node has written it: find out what does.",
            [not Version, ..] => $"It is of version {record.Span[0]}, and this node knows version {Version}. Deploy the version of the other nodes here, too.",
            _ when BinaryPrimitives.ReadUInt32LittleEndian(record.Span[1..]) != ChecksumOf(record.Span[HeadBytes..]) =>
                "Its checksum is wrong, so it has been damaged or cut. Find out what does that to the store.",
            _ when !TryReadBody(record.Span[HeadBytes..], out checkpoint) => "What stands in it makes no sense. Something else than a node has written it: find out what does.",
            _ => null,
        };
        return checkpoint is not null;
    }

    private static bool TryReadBody(ReadOnlySpan<byte> body, [NotNullWhen(true)] out SessionCheckpoint? checkpoint)
    {
        checkpoint = null;
        var reader = new Reader(body);
        if (!reader.TryReadString(out var owner) || owner.Length == 0
            || !reader.TryReadInt64(out var epoch) || epoch < 0 || !reader.TryReadInt64(out var offset) || offset < 0
            || !reader.TryReadInt64(out var number) || number < 0 || number > offset // each number has used up an entry
            || !reader.TryReadBytes(SessionCheckpoint.DigestBytes, out var digest)
            || !reader.TryReadString(out var userId)
            || !reader.TryReadInt64(out var ticks) || ticks < 0 || ticks > DateTimeOffset.MaxValue.Ticks
            || !reader.TryReadStrings(out var groups)
            || !reader.TryReadInt32(out var count))
        {
            return false;
        }

        var properties = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < count; i++)
        {
            if (!reader.TryReadString(out var name) || !reader.TryReadString(out var value))
            {
                return false;
            }

            properties[name] = value;
        }

        if (!reader.TryReadStrings(out var ids) || !reader.TryReadInt64(out var notUnderstoodAt) || notUnderstoodAt < 0)
        {
            return false;
        }

        checkpoint = new()
        {
            Owner = owner,
            Position = new(epoch, offset),
            Number = number,
            TokenDigest = digest.ToArray(),
            UserId = userId.Length == 0 ? null : userId,
            ConnectedAt = new(ticks, TimeSpan.Zero),
            Groups = groups,
            Properties = properties.AsReadOnly(),
            HandledIds = ids,
            NotUnderstoodAt = notUnderstoodAt,
        };
        return true;
    }

    /// <summary>CRC-32C, which finds whatever changes 32 bits in a row or fewer.</summary>
    internal static uint ChecksumOf(ReadOnlySpan<byte> bytes)
    {
        var crc = uint.MaxValue;
        for (; bytes.Length >= sizeof(ulong); bytes = bytes[sizeof(ulong)..])
        {
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(bytes));
        }

        foreach (var value in bytes)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return ~crc;
    }

    private static void WriteInt32(ArrayBufferWriter<byte> output, int value)
    {
        BinaryPrimitives.WriteInt32LittleEndian(output.GetSpan(sizeof(int)), value);
        output.Advance(sizeof(int));
    }

    private static void WriteInt64(ArrayBufferWriter<byte> output, long value)
    {
        BinaryPrimitives.WriteInt64LittleEndian(output.GetSpan(sizeof(long)), value);
        output.Advance(sizeof(long));
    }

    private static void WriteString(ArrayBufferWriter<byte> output, string value)
    {
        var span = output.GetSpan(sizeof(ushort) + Encoding.UTF8.GetMaxByteCount(value.Length));
        var bytes = Encoding.UTF8.GetBytes(value, span[sizeof(ushort)..]);
        BinaryPrimitives.WriteUInt16LittleEndian(span, checked((ushort)bytes));
        output.Advance(sizeof(ushort) + bytes);
    }

    private static void WriteStrings(ArrayBufferWriter<byte> output, IReadOnlyCollection<string> values)
    {
        WriteInt32(output, values.Count);
        foreach (var value in values)
        {
            WriteString(output, value);
        }
    }

    private ref struct Reader(ReadOnlySpan<byte> rest)
    {
        private ReadOnlySpan<byte> _rest = rest;

        internal bool TryReadBytes(int count, out ReadOnlySpan<byte> bytes)
        {
            bytes = default;
            if (_rest.Length < count)
            {
                return false;
            }

            bytes = _rest[..count];
            _rest = _rest[count..];
            return true;
        }

        /// <summary>Reads a count, of things that take a byte at least.</summary>
        internal bool TryReadInt32(out int value)
        {
            var isThere = TryReadBytes(sizeof(int), out var bytes);
            value = isThere ? BinaryPrimitives.ReadInt32LittleEndian(bytes) : default;
            return isThere && value >= 0 && value <= _rest.Length;
        }

        internal bool TryReadInt64(out long value)
        {
            var isThere = TryReadBytes(sizeof(long), out var bytes);
            value = isThere ? BinaryPrimitives.ReadInt64LittleEndian(bytes) : default;
            return isThere;
        }

        internal bool TryReadString(out string value)
        {
            value = "";
            if (!TryReadBytes(sizeof(ushort), out var length) || !TryReadBytes(BinaryPrimitives.ReadUInt16LittleEndian(length), out var bytes) || !Utf8.IsValid(bytes))
            {
                return false;
            }

            value = Encoding.UTF8.GetString(bytes);
            return true;
        }

        internal bool TryReadStrings(out string[] values)
        {
            values = [];
            if (!TryReadInt32(out var count))
            {
                return false;
            }

            var read = new List<string>();
            for (var i = 0; i < count; i++)
            {
                if (!TryReadString(out var value))
                {
                    return false;
                }

                read.Add(value);
            }

            values = [.. read];
            return true;
        }
    }
}
