using System.Buffers.Binary;

namespace DistributedSockets.Fuzzing;

/// <summary>Makes inputs of known ones: bits flipped, lengths made up, pieces cut out, doubled and mixed.</summary>
/// <param name="corpus">The known ones.</param>
internal sealed class Mutator(byte[][] corpus)
{
    private const int MaxBytes = 256 * 1024;

    private static readonly ulong[] s_numbers =
    [
        0, 1, 2, 3, 125, 126, 127, 128, 255, 256, 1_024, 1_025, 0x7FFF, 0x8000, 0xFFFF, 0x1_0000, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue,
    ];

    internal byte[] Next(Random random)
    {
        var bytes = new List<byte>(corpus[random.Next(corpus.Length)]);
        for (var steps = random.Next(1, 5); steps > 0; steps--)
        {
            Change(bytes, random);
        }

        return bytes.Count > MaxBytes ? [.. bytes.Take(MaxBytes)] : [.. bytes];
    }

    private void Change(List<byte> bytes, Random random)
    {
        switch (random.Next(11))
        {
            case 0 when bytes.Count > 0:
                bytes[random.Next(bytes.Count)] ^= (byte)(1 << random.Next(8));
                break;
            case 1 when bytes.Count > 0:
                bytes[random.Next(bytes.Count)] = (byte)random.Next(256);
                break;
            case 2 or 3 when bytes.Count > 0:
                WriteNumber(bytes, random);
                break;
            case 4:
                bytes.InsertRange(random.Next(bytes.Count + 1), RandomBytes(random, random.Next(1, 33)));
                break;
            case 5 when bytes.Count > 0:
                var (from, count) = Piece(bytes, random);
                bytes.RemoveRange(from, count);
                break;
            case 6 when bytes.Count > 0:
                (from, count) = Piece(bytes, random);
                bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(from, count));
                break;
            case 7:
                Cut(bytes, random.Next(bytes.Count + 1));
                break;
            case 8:
                var other = corpus[random.Next(corpus.Length)];
                Cut(bytes, random.Next(bytes.Count + 1));
                bytes.AddRange(other[random.Next(other.Length + 1)..]);
                break;
            case 9 when bytes.Count > 0:
                Repeat(bytes, random);
                break;
            default:
                bytes.AddRange(RandomBytes(random, random.Next(1, 65)));
                break;
        }
    }

    private static void Cut(List<byte> bytes, int count) => bytes.RemoveRange(count, bytes.Count - count);

    /// <summary>Puts a number at the limit of something where a length may stand.</summary>
    private static void WriteNumber(List<byte> bytes, Random random)
    {
        Span<byte> number = stackalloc byte[sizeof(ulong)];
        var value = s_numbers[random.Next(s_numbers.Length)];
        var width = 1 << random.Next(4);
        if (random.Next(2) == 0)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(number, value);
            number = number[..width];
        }
        else
        {
            BinaryPrimitives.WriteUInt64BigEndian(number, value);
            number = number[^width..];
        }

        var at = random.Next(bytes.Count);
        for (var i = 0; i < number.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = number[i];
        }
    }

    /// <summary>Doubles a piece over and over, as whoever wants much done for few bytes would.</summary>
    private static void Repeat(List<byte> bytes, Random random)
    {
        var (from, count) = Piece(bytes, random);
        var piece = bytes.GetRange(from, count);
        var times = Math.Min(random.Next(2, 2_000), MaxBytes / count);
        bytes.InsertRange(from, Enumerable.Repeat(piece, times).SelectMany(static copy => copy));
    }

    private static (int From, int Count) Piece(List<byte> bytes, Random random)
    {
        var from = random.Next(bytes.Count);
        return (from, random.Next(1, Math.Min(bytes.Count - from, 40) + 1));
    }

    private static byte[] RandomBytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
