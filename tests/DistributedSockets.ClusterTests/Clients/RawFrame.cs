using System.Buffers.Binary;
using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>One frame as it crossed the wire.</summary>
internal sealed record RawFrame(bool Final, int ReservedBits, int Opcode, byte[] Payload)
{
    public const int Continuation = 0;
    public const int Text = 1;
    public const int Binary = 2;
    public const int Close = 8;
    public const int Ping = 9;
    public const int Pong = 10;

    private static readonly byte[] s_mask = [0x12, 0x34, 0x56, 0x78];

    public string PayloadText => Encoding.UTF8.GetString(Payload);

    /// <summary>The code of a close frame; 1005 if it has none.</summary>
    public int CloseCode => Payload.Length < 2 ? 1005 : (Payload[0] << 8) | Payload[1];

    /// <summary>The bytes of a client's frame, which need not keep to the rules.</summary>
    /// <param name="opcode">The opcode, 0 to 15.</param>
    /// <param name="payload">The payload.</param>
    /// <param name="final">The first bit.</param>
    /// <param name="reservedBits">4, 2 and 1 for the first, second and third reserved bit.</param>
    /// <param name="masked">Whether there is a mask, as there must be.</param>
    /// <param name="length">What the frame says its length is, if that is not true.</param>
    /// <param name="lengthBytes">In how many bytes it says so beyond the first one: 0, 2 or 8; without it as few as possible, as there must be.</param>
    public static byte[] Encode(
        int opcode, ReadOnlySpan<byte> payload, bool final = true, int reservedBits = 0, bool masked = true, ulong? length = null, int? lengthBytes = null)
    {
        var stated = length ?? (ulong)payload.Length;
        var extended = lengthBytes ?? stated switch { < 126 => 0, <= ushort.MaxValue => 2, _ => 8 };
        var frame = new byte[2 + extended + (masked ? s_mask.Length : 0) + payload.Length];
        frame[0] = (byte)((final ? 0x80 : 0) | (reservedBits << 4) | opcode);
        frame[1] = (byte)((masked ? 0x80 : 0) | extended switch { 0 => (int)stated, 2 => 126, _ => 127 });
        switch (extended)
        {
            case 2:
                BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(2), (ushort)stated);
                break;
            case 8:
                BinaryPrimitives.WriteUInt64BigEndian(frame.AsSpan(2), stated);
                break;
        }

        var body = frame.AsSpan(frame.Length - payload.Length);
        payload.CopyTo(body);
        if (masked)
        {
            s_mask.CopyTo(frame, 2 + extended);
            for (var i = 0; i < body.Length; i++)
            {
                body[i] ^= s_mask[i % s_mask.Length];
            }
        }

        return frame;
    }
}
