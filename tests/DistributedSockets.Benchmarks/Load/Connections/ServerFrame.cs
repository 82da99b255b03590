using System.Buffers.Binary;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>One RFC 6455 frame as it came from a server.</summary>
internal readonly ref struct ServerFrame
{
    private ServerFrame(bool final, bool compressed, int opcode, ReadOnlySpan<byte> payload)
    {
        IsFinal = final;
        IsCompressed = compressed;
        Opcode = opcode;
        Payload = payload;
    }

    public bool IsFinal { get; }

    /// <summary>Whether the payload is compressed (RSV1).</summary>
    public bool IsCompressed { get; }

    public int Opcode { get; }

    public ReadOnlySpan<byte> Payload { get; }

    /// <summary>Reads the frame in front; false if it is not whole yet.</summary>
    /// <exception cref="InvalidDataException">It is masked, or uses another extension than permessage-deflate: neither may be.</exception>
    public static bool TryRead(ReadOnlySpan<byte> data, out ServerFrame frame, out int consumed)
    {
        frame = default;
        consumed = 0;
        if (data.Length < 2)
        {
            return false;
        }

        if ((data[0] & 0x30) != 0 || data[1] > 127)
        {
            throw new InvalidDataException($"The server sent what is no frame: {Convert.ToHexString(data[..Math.Min(16, data.Length)])}.");
        }

        var header = data[1] switch { < 126 => 2, 126 => 4, _ => 10 };
        if (data.Length < header)
        {
            return false;
        }

        var length = header switch
        {
            2 => data[1],
            4 => BinaryPrimitives.ReadUInt16BigEndian(data[2..]),
            _ => checked((int)BinaryPrimitives.ReadUInt64BigEndian(data[2..])),
        };
        if (data.Length - header < length)
        {
            return false;
        }

        frame = new((data[0] & 0x80) != 0, (data[0] & 0x40) != 0, data[0] & 0x0F, data.Slice(header, length));
        consumed = header + length;
        return true;
    }
}
