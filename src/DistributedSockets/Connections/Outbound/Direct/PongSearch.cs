using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>Looks for the pong with a given payload in what a client sends, piece by piece as it is read.</summary>
/// <remarks>The mask is undone (RFC 6455 §5.3). The frames around it need not be understood, since none can hold the payload by chance.</remarks>
internal struct PongSearch(ulong payload)
{
    internal const int PayloadBytes = sizeof(ulong);

    private const byte PongOfClient = 0x8A;
    private const byte MaskedPayload = 0x80 | PayloadBytes;
    private const int PongBytes = 2 + sizeof(uint) + PayloadBytes;
    private const int SeamBytes = PongBytes - 1; // on either side of where two pieces meet

    private Seam _before;
    private int _beforeBytes;

    /// <summary>Whether the pong ends in this piece.</summary>
    internal bool IsFoundIn(ReadOnlySpan<byte> piece)
    {
        Span<byte> seam = stackalloc byte[2 * SeamBytes];
        var head = piece[..Math.Min(piece.Length, SeamBytes)];
        ((ReadOnlySpan<byte>)_before)[.._beforeBytes].CopyTo(seam);
        head.CopyTo(seam[_beforeBytes..]);
        seam = seam[..(_beforeBytes + head.Length)];
        if (Contains(seam) || Contains(piece))
        {
            return true;
        }

        var end = piece.Length < SeamBytes ? seam : piece;
        _beforeBytes = Math.Min(end.Length, SeamBytes);
        end[^_beforeBytes..].CopyTo(_before);
        return false;
    }

    private readonly bool Contains(ReadOnlySpan<byte> bytes)
    {
        while (bytes.Length >= PongBytes)
        {
            var at = bytes[..^(PongBytes - 1)].IndexOf(PongOfClient);
            if (at < 0)
            {
                return false;
            }

            var pong = bytes[at..];
            var mask = BinaryPrimitives.ReadUInt32LittleEndian(pong[2..]);
            if (pong[1] == MaskedPayload && (BinaryPrimitives.ReadUInt64LittleEndian(pong[(2 + sizeof(uint))..]) ^ (mask | ((ulong)mask << 32))) == payload)
            {
                return true;
            }

            bytes = pong[1..];
        }

        return false;
    }

    [InlineArray(SeamBytes)]
    private struct Seam
    {
        private byte _first;
    }
}
