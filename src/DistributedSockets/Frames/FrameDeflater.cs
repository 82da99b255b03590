using System.Buffers;
using System.Net.WebSockets;
using Microsoft.Extensions.ObjectPool;

namespace DistributedSockets;

/// <summary>Compresses the messages that this process sends to one hub, once each, where it is switched on and makes them smaller.</summary>
internal sealed class FrameDeflater(HubOptions options)
{
    // One for each processor is all that can work at once, whatever the number of hubs. Between two messages an encoder holds nothing: the platform takes its window back.
    private static readonly ObjectPool<DeflateEncoder> s_encoders =
        new DefaultObjectPoolProvider { MaximumRetained = Environment.ProcessorCount }.Create(new DefaultPooledObjectPolicy<DeflateEncoder>());

    internal bool IsEnabled => options.EnableCompression;

    /// <summary>Compresses one message. Call it outside of locks: it takes its time.</summary>
    /// <param name="plain">The plain frame.</param>
    /// <param name="headerBytes">Where its payload begins.</param>
    /// <param name="type">Text or binary.</param>
    /// <returns>The frame in an array of the shared pool, which is the caller's now; without an array if there is only the plain one.</returns>
    internal ArraySegment<byte> Deflate(ReadOnlyMemory<byte> plain, int headerBytes, WebSocketMessageType type)
    {
        if (!IsEnabled || plain.Length - headerBytes < options.CompressionThresholdBytes)
        {
            return default;
        }

        var encoder = s_encoders.Get();
        ArraySegment<byte> deflated;
        try
        {
            deflated = encoder.Encode(plain[headerBytes..], type, plain.Length);
        }
        catch
        {
            encoder.Dispose(); // nobody knows what state it is in
            throw;
        }

        s_encoders.Return(encoder);
        if (deflated.Array is { } array && !SharedFrame.IsDeflated(plain.Span, deflated))
        {
            // Other nodes would refuse it, so a platform that writes its frames in another way costs the compression, not the message.
            ArrayPool<byte>.Shared.Return(array);
            return default;
        }

        return deflated;
    }
}
