using System.Buffers.Binary;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>A control frame, of the platform's WebSocket or ours, waiting to be written.</summary>
internal sealed class PlatformWrite(byte[] bytes)
{
    internal ReadOnlyMemory<byte> Bytes { get; } = bytes;

    /// <summary>Whether this is the ping whose pong says that the server's pipe is empty.</summary>
    internal bool IsQuestion { get; init; }

    internal bool IsClose => Bytes.Length > 0 && (Bytes.Span[0] & 0x0F) == 0x8;

    /// <summary>The code of a close frame; server frames carry no mask, so it stands behind the two bytes of the header.</summary>
    internal WebSocketCloseStatus CloseStatus =>
        Bytes.Length >= 4 ? (WebSocketCloseStatus)BinaryPrimitives.ReadUInt16BigEndian(Bytes.Span[2..]) : WebSocketCloseStatus.Empty;

    /// <summary>The one that is to be written after it.</summary>
    internal PlatformWrite? Next { get; set; }

    internal TaskCompletionSource Completion { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
