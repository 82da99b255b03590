using System.Text;

namespace DistributedSockets;

/// <summary>Which of the 16,384 slots of a Redis Cluster a name belongs to.</summary>
internal static class RedisSlots
{
    public const int Count = 16_384;

    private const ushort Polynomial = 0x1021;
    private const int MaxNameOnStack = 1_024;

    private static readonly ushort[] Table = CreateTable();

    /// <summary>The slot of a channel or key.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="prefix">What the multiplexer puts before it.</param>
    public static int Of(string name, ReadOnlySpan<byte> prefix = default)
    {
        var length = prefix.Length + Encoding.UTF8.GetByteCount(name);
        var bytes = length <= MaxNameOnStack ? stackalloc byte[length] : new byte[length];
        prefix.CopyTo(bytes);
        Encoding.UTF8.GetBytes(name, bytes[prefix.Length..]);
        return Of(bytes);
    }

    /// <summary>Finds a channel in one of some slots.</summary>
    /// <param name="stem">What the name begins with.</param>
    /// <param name="prefix">What the multiplexer puts before it.</param>
    /// <param name="isWanted">Whether a slot is one of them; it must be so for one slot at least.</param>
    public static string FindChannel(string stem, ReadOnlySpan<byte> prefix, Func<int, bool> isWanted)
    {
        for (var number = 0; ; number++)
        {
            var channel = $"{stem}:{number}";
            if (isWanted(Of(channel, prefix)))
            {
                return channel;
            }
        }
    }

    private static int Of(ReadOnlySpan<byte> name)
    {
        // Only what stands in the first pair of braces counts, if anything does.
        if (name.IndexOf((byte)'{') is var open and >= 0 && name[(open + 1)..].IndexOf((byte)'}') is var length and > 0)
        {
            name = name.Slice(open + 1, length);
        }

        ushort crc = 0;
        foreach (var value in name)
        {
            crc = (ushort)((crc << 8) ^ Table[(crc >> 8) ^ value]);
        }

        return crc % Count;
    }

    private static ushort[] CreateTable()
    {
        var table = new ushort[256];
        for (var i = 0; i < table.Length; i++)
        {
            var crc = (ushort)(i << 8);
            for (var bit = 0; bit < 8; bit++)
            {
                crc = (ushort)((crc & 0x8000) != 0 ? (crc << 1) ^ Polynomial : crc << 1);
            }

            table[i] = crc;
        }

        return table;
    }
}
