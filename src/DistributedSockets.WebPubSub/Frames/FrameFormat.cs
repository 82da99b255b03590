using System.Buffers;

namespace DistributedSockets.WebPubSub;

/// <summary>How frames look: JSON or Protocol Buffers. The plain and the reliable protocol of a format differ in numbers alone.</summary>
internal abstract class FrameFormat
{
    internal abstract bool IsBinary { get; }

    /// <summary>Writes a data frame, but for its head.</summary>
    internal abstract void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output);

    /// <summary>Writes the head of a data frame, with its number if that is not 0.</summary>
    internal abstract int WriteHead(Span<byte> destination, long number, int bodyBytes);

    internal abstract WebSocketMessage Connected(string connectionId, string? userId, string? reconnectionToken);

    internal abstract WebSocketMessage Disconnected(string reason);

    /// <summary>The answer to a request.</summary>
    /// <param name="ackId">Its number.</param>
    /// <param name="error">The name of what went wrong; null for success.</param>
    /// <param name="errorMessage">What went wrong.</param>
    internal abstract WebSocketMessage Ack(ulong ackId, string? error = null, string? errorMessage = null);

    internal abstract WebSocketMessage Pong { get; }

    /// <summary>The answer to an invocation; null where the format has none.</summary>
    internal virtual WebSocketMessage? InvokeResponse(string invocationId, ClientReply? reply) => null;

    /// <summary>Says that an invocation failed; null where the format cannot.</summary>
    internal virtual WebSocketMessage? InvokeFailure(string invocationId, string error, string errorMessage) => null;

    /// <summary>Reads a request.</summary>
    /// <exception cref="BadFrameException">It is none.</exception>
    internal abstract ClientRequest Read(ReadOnlyMemory<byte> message);

    /// <summary>Whether a message may acknowledge messages: a quick look, which saves reading most messages twice.</summary>
    internal abstract bool MayBeSequenceAck(ReadOnlySpan<byte> message);
}
