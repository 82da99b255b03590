using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets.Benchmarks.Load;

/// <summary>RFC 6455 frames as a client writes them.</summary>
/// <remarks>The masking key is zero, which leaves the payload as it is; a server unmasks it like any other.</remarks>
internal static class ClientFrame
{
    public const int Text = 1;
    public const int Close = 8;
    public const int Ping = 9;
    public const int Pong = 10;

    public static byte[] Encode(string text) => Encode(Text, Encoding.UTF8.GetBytes(text));

    public static byte[] Encode(int opcode, ReadOnlySpan<byte> payload)
    {
        var header = payload.Length < 126 ? 2 : 4;
        var frame = new byte[header + 4 + payload.Length];
        frame[0] = (byte)(0x80 | opcode);
        if (header == 2)
        {
            frame[1] = (byte)(0x80 | payload.Length);
        }
        else
        {
            frame[1] = 0x80 | 126;
            BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), checked((ushort)payload.Length));
        }

        payload.CopyTo(frame.AsSpan(header + 4));
        return frame;
    }
}
