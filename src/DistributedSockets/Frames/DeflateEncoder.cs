using System.Buffers;
using System.Diagnostics;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>Compresses messages into whole frames of permessage-deflate (RFC 7692), each on its own. Not thread-safe.</summary>
/// <remarks>A WebSocket of the platform does it, on a stream that keeps what is written: one frame in one write, and nothing to wait for.</remarks>
internal sealed class DeflateEncoder : IDisposable
{
    private readonly CaptureStream _captured = new();
    private readonly WebSocket _socket;

    public DeflateEncoder() => _socket = WebSocket.CreateFromStream(_captured, new()
    {
        IsServer = true,
        KeepAliveInterval = TimeSpan.Zero, // no timer
        DangerousDeflateOptions = new() { ServerContextTakeover = false }, // without context the same frame serves every receiver
    });

    /// <summary>Compresses one message.</summary>
    /// <param name="payload">The payload.</param>
    /// <param name="type">Text or binary.</param>
    /// <param name="lessThan">What the frame's length must stay below to be of use.</param>
    /// <returns>The frame in an array of the shared pool, which is the caller's now; without an array if the frame is too long.</returns>
    internal ArraySegment<byte> Encode(ReadOnlyMemory<byte> payload, WebSocketMessageType type, int lessThan)
    {
        _captured.Begin(lessThan);
        var send = _socket.SendAsync(payload, type, endOfMessage: true, CancellationToken.None);
        Debug.Assert(send.IsCompleted, "The stream never waits.");
        send.GetAwaiter().GetResult();
        return _captured.Take();
    }

    public void Dispose() => _socket.Dispose();

    private sealed class CaptureStream : MemoryStream
    {
        private ArraySegment<byte> _frame;
        private int _lessThan;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (buffer.Length < _lessThan)
            {
                var array = ArrayPool<byte>.Shared.Rent(buffer.Length);
                buffer.CopyTo(array);
                _frame = new(array, 0, buffer.Length);
            }

            return ValueTask.CompletedTask;
        }

        public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        internal void Begin(int lessThan) => _lessThan = lessThan;

        internal ArraySegment<byte> Take()
        {
            var frame = _frame;
            _frame = default;
            return frame;
        }
    }
}
