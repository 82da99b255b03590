using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>One frame as it crossed the wire.</summary>
internal sealed record RawFrame(bool Final, int ReservedBits, int Opcode, byte[] Payload)
{
    public const int Text = 1;
    public const int Close = 8;
    public const int Ping = 9;
    public const int Pong = 10;

    public string PayloadText => Encoding.UTF8.GetString(Payload);

    /// <summary>The code of a close frame; 1005 if it has none.</summary>
    public int CloseCode => Payload.Length < 2 ? 1005 : (Payload[0] << 8) | Payload[1];
}
