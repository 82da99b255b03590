using System.Buffers;
using System.Buffers.Binary;

namespace DistributedSockets;

/// <summary>Writes a frame with something in front of its payload, which stays the bytes that all receivers share. Allocates nothing.</summary>
internal static class PrefixedFrame
{
    private const int StoredBlockHeaderBytes = 5;

    /// <summary>The most bytes that stand in front of the payload.</summary>
    internal const int MaxHeadBytes = SharedFrame.MaxHeaderBytes + StoredBlockHeaderBytes + IMessagePrefix.MaxBytes;

    /// <summary>Writes a header of its own, and the prefix. What follows is the payload of the shared frame as it is.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="deflate">Whether the compressed one follows, where there is one.</param>
    /// <param name="prefix">What to put in front.</param>
    /// <param name="headBytes">How many bytes were written.</param>
    /// <returns>Where in the shared frame the payload begins.</returns>
    /// <remarks>
    /// In a compressed frame the prefix is a stored block (RFC 1951 §3.2.4). It ends at a byte, and what follows was compressed without a context, so it refers to nothing before it.
    /// </remarks>
    internal static int WriteHead(IBufferWriter<byte> output, SharedFrame frame, bool deflate, IMessagePrefix prefix, out int headBytes)
    {
        Span<byte> text = stackalloc byte[IMessagePrefix.MaxBytes];
        var body = prefix.BodyOf(frame);
        text = text[..prefix.Write(text, frame, body.Payload.Length)];
        var shared = body.BytesFor(deflate).Span;
        var payloadAt = body.PayloadAt(deflate);
        var isDeflated = (shared[0] & SharedFrame.Compressed) != 0;
        var block = isDeflated ? StoredBlockHeaderBytes : 0;
        var payloadBytes = block + text.Length + shared.Length - payloadAt;
        var header = SharedFrame.HeaderBytes(payloadBytes);
        headBytes = header + block + text.Length;
        var head = output.GetSpan(headBytes);
        SharedFrame.WriteHeader(head, shared[0], payloadBytes);
        if (isDeflated)
        {
            head[header] = 0; // stored, and not the last one
            BinaryPrimitives.WriteUInt16LittleEndian(head[(header + 1)..], (ushort)text.Length);
            BinaryPrimitives.WriteUInt16LittleEndian(head[(header + 3)..], (ushort)~text.Length);
        }

        text.CopyTo(head[(header + block)..]);
        output.Advance(headBytes);
        return payloadAt;
    }
}
