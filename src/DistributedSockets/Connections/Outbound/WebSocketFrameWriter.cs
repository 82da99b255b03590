using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Where there is no transport to tap (test hosts): takes our encoded frames and sends their payloads through the WebSocket.</summary>
internal sealed class WebSocketFrameWriter(WebSocket socket) : PipeWriter
{
    private readonly ArrayBufferWriter<byte> _written = new();
    private int _sent;

    public override Memory<byte> GetMemory(int sizeHint = 0) => _written.GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => _written.GetSpan(sizeHint);

    public override void Advance(int bytes) => _written.Advance(bytes);

    /// <summary>Sends the frames that are whole; of a large one there may be only a piece yet.</summary>
    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        while (TryRead(_written.WrittenMemory[_sent..], out var type, out var payload, out var length))
        {
            await socket.SendAsync(payload, type, true, cancellationToken);
            _sent += length;
        }

        if (_sent == _written.WrittenCount)
        {
            _written.ResetWrittenCount();
            _sent = 0;
        }

        return default;
    }

    public override void CancelPendingFlush()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }

    private static bool TryRead(ReadOnlyMemory<byte> bytes, out WebSocketMessageType type, out ReadOnlyMemory<byte> payload, out int length)
    {
        (type, payload, length) = (default, default, 0);
        var span = bytes.Span;
        if (span.Length < 2)
        {
            return false;
        }

        var header = span[1] switch { 126 => 4, 127 => 10, _ => 2 };
        if (span.Length < header)
        {
            return false;
        }

        var size = span[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(span[2..]),
            127 => (int)BinaryPrimitives.ReadUInt64BigEndian(span[2..]),
            var small => small,
        };
        if (span.Length - header < size)
        {
            return false;
        }

        type = span[0] == 0x81 ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
        payload = bytes.Slice(header, size);
        length = header + size;
        return true;
    }
}
