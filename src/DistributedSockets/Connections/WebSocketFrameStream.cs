using System.Buffers.Binary;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Where there is no transport to tap (test hosts): takes our encoded frames and sends their payloads through the WebSocket.</summary>
internal sealed class WebSocketFrameStream(WebSocket socket) : MemoryStream
{
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            var type = buffer.Span[0] == 0x81 ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
            var (header, length) = buffer.Span[1] switch
            {
                126 => (4, BinaryPrimitives.ReadUInt16BigEndian(buffer.Span[2..])),
                127 => (10, (int)BinaryPrimitives.ReadUInt64BigEndian(buffer.Span[2..])),
                var small => (2, small),
            };
            await socket.SendAsync(buffer.Slice(header, length), type, true, CancellationToken.None);
            buffer = buffer[(header + length)..];
        }
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
