using System.Buffers;

namespace DistributedSockets.WebPubSub;

/// <summary>Numbers in seven bits a byte, the lowest first, as Protocol Buffers write them.</summary>
internal static class Varint
{
    internal const int MaxBytes = 10;

    internal static int Write(ulong value, Span<byte> destination)
    {
        var i = 0;
        while (value >= 0x80)
        {
            destination[i++] = (byte)(value | 0x80);
            value >>= 7;
        }

        destination[i++] = (byte)value;
        return i;
    }

    internal static void Write(ulong value, IBufferWriter<byte> output) => output.Advance(Write(value, output.GetSpan(MaxBytes)));

    internal static int SizeOf(ulong value)
    {
        var bytes = 1;
        for (; value >= 0x80; value >>= 7)
        {
            bytes++;
        }

        return bytes;
    }

    /// <summary>Reads a length that was written here; 0 for what is none.</summary>
    internal static uint Read(scoped ref ReadOnlySpan<byte> source)
    {
        ulong value = 0;
        for (var i = 0; i < source.Length && i < MaxBytes; i++)
        {
            value |= (ulong)(source[i] & 0x7F) << (7 * i);
            if (source[i] < 0x80)
            {
                source = source[(i + 1)..];
                return value > int.MaxValue ? 0 : (uint)value;
            }
        }

        source = default;
        return 0;
    }
}
