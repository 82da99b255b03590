using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Runtime.CompilerServices;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>
/// One encoded RFC 6455 server frame, and perhaps the same message compressed (RFC 7692) behind it, shared by every queue that holds it,
/// and by the publish that is under way; the last release returns the array.
/// </summary>
internal sealed class SharedFrame : IDisposable
{
    private const byte FinalText = 0x81;
    private const byte FinalBinary = 0x82;

    /// <summary>The bit of the first byte that says that the payload is compressed: RSV1.</summary>
    internal const byte Compressed = 0x40;

    /// <summary>The longest header of a frame.</summary>
    internal const int MaxHeaderBytes = 10;

    private const int MaxKeptBytes = 256 * 1024;

    private static readonly byte[] s_nothing = [FinalText, 0];

    private static readonly Lock[] s_bodyGates = [.. Enumerable.Range(0, 16).Select(static _ => new Lock())];

    [ThreadStatic]
    private static ArrayBufferWriter<byte>? s_body;

    private static long s_outstanding;
    private static long s_outstandingBytes;

    private readonly byte[]? _pooled;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly ReadOnlyMemory<byte> _deflated;
    private readonly int _headerBytes;
    private readonly int _headroom;
    private int _references = 1;
    private EncodedBody? _bodies; // a chain

    private SharedFrame(byte[]? pooled, int headroom, ReadOnlyMemory<byte> bytes, int headerBytes, ReadOnlyMemory<byte> deflated)
    {
        _pooled = pooled;
        _headroom = headroom;
        _bytes = bytes;
        _deflated = deflated;
        _headerBytes = headerBytes;
        Length = bytes.Length;
        MessageType = bytes.Span[0] == FinalText ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
        Interlocked.Increment(ref s_outstanding);
        Interlocked.Add(ref s_outstandingBytes, MemoryBytes);
    }

    /// <summary>Frames not yet released, in this process.</summary>
    internal static long Outstanding => Volatile.Read(ref s_outstanding);

    /// <summary>What these hold, in bytes; a frame that waits in many queues counts once.</summary>
    internal static long OutstandingBytes => Volatile.Read(ref s_outstandingBytes);

    /// <summary>How many references are held.</summary>
    internal int References => Volatile.Read(ref _references);

    /// <summary>The length of the plain frame.</summary>
    internal int Length { get; }

    internal WebSocketMessageType MessageType { get; }

    /// <summary>What its send asked for the delivery, if anything.</summary>
    internal DeliveryTerms? Terms { get; private init; }

    /// <summary>Where it stands in the hub's log; 0 if it was not logged.</summary>
    internal long LogOffset { get; private init; }

    /// <summary>Whether a subprotocol speaks by it for itself, so that nothing is put in front of its payload.</summary>
    internal bool IsOfProtocol { get; private init; }

    /// <summary>Whether it stands for a body that a subprotocol could not write, so that its clients do not get the message.</summary>
    internal bool IsBroken { get; private init; }

    /// <summary>The plain frame.</summary>
    internal ReadOnlyMemory<byte> Bytes
    {
        get
        {
            Debug.Assert(Volatile.Read(ref _references) > 0, "A frame is used after its release.");
            return _bytes;
        }
    }

    internal ReadOnlyMemory<byte> Payload => Bytes[_headerBytes..];

    /// <summary>The compressed frame; empty if there is only the plain one. It is always the shorter one.</summary>
    internal ReadOnlyMemory<byte> Deflated
    {
        get
        {
            Debug.Assert(Volatile.Read(ref _references) > 0, "A frame is used after its release.");
            return _deflated;
        }
    }

    /// <summary>What was left free before the frame. Written by whoever encodes, before anybody else has the frame.</summary>
    internal Span<byte> Headroom => _pooled.AsSpan(0, _headroom);

    /// <summary>The headroom and all behind it: the envelope of a frame that was encoded into one.</summary>
    internal ReadOnlyMemory<byte> Envelope
    {
        get
        {
            Debug.Assert(Volatile.Read(ref _references) > 0, "A frame is used after its release.");
            return _pooled.AsMemory(0, _headroom + _bytes.Length + _deflated.Length);
        }
    }

    /// <summary>The length of the plain frame of a message.</summary>
    internal static long EncodedLength(int payloadBytes) => (long)HeaderBytes(payloadBytes) + payloadBytes;

    /// <summary>Encodes a message. The caller owns one reference.</summary>
    /// <param name="message">The message.</param>
    /// <param name="deflater">Compresses it as well, if given.</param>
    /// <param name="headroom">How many bytes to leave free before the frame, for the header of its envelope.</param>
    /// <param name="terms">What its send asked for the delivery, if anything.</param>
    /// <param name="isOfProtocol">Whether a subprotocol speaks by it for itself.</param>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    internal static SharedFrame Encode(
        in WebSocketMessage message, FrameDeflater? deflater = null, int headroom = 0, DeliveryTerms? terms = null, bool isOfProtocol = false)
    {
        var length = message.Length;
        var header = HeaderBytes(length);
        var array = ArrayPool<byte>.Shared.Rent(headroom + header + length);
        var bytes = array.AsMemory(headroom, header + length);
        WriteHeader(bytes.Span, message.IsText, length);
        message.CopyTo(bytes.Span[header..]);
        if (message.IsText && !Utf8.IsValid(bytes.Span[header..]))
        {
            ArrayPool<byte>.Shared.Return(array);
            throw new ArgumentException(
                "The text message is no valid UTF-8, which clients answer with close code 1007 (RFC 6455 section 8.1). Send it as binary, or encode it as UTF-8.",
                nameof(message));
        }

        var deflated = deflater is null ? default : deflater.Deflate(bytes, header, message.MessageType);
        if (deflated.Array is { } compressed)
        {
            array = Append(array, headroom + bytes.Length, deflated);
            ArrayPool<byte>.Shared.Return(compressed);
        }

        return new(array, headroom, array.AsMemory(headroom, bytes.Length), header, array.AsMemory(headroom + bytes.Length, deflated.Count)) { Terms = terms, IsOfProtocol = isOfProtocol };
    }

    /// <summary>Takes a frame as another node encoded it. The memory is this frame's own from now on.</summary>
    /// <param name="bytes">The plain frame and, if told so, the compressed one behind it.</param>
    /// <param name="withDeflated">Whether there is a compressed one.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="terms">What its send asked for the delivery, if anything.</param>
    /// <param name="logOffset">Where it stands in the hub's log; 0 if it was not logged.</param>
    /// <returns>
    /// Whether the bytes are one whole unmasked text or binary frame, a text in valid UTF-8, and nothing else, or nothing but one whole
    /// compressed frame that goes with it. What is compressed in there is left to the receivers.
    /// </returns>
    internal static bool TryWrap(ReadOnlyMemory<byte> bytes, bool withDeflated, [NotNullWhen(true)] out SharedFrame? frame, DeliveryTerms? terms = null, long logOffset = 0)
    {
        frame = null;
        if (!IsFrame(bytes.Span, withDeflated, out var header, out var length))
        {
            return false;
        }

        frame = new(null, 0, bytes[..length], header, bytes[length..]) { Terms = terms, LogOffset = logOffset };
        return true;
    }

    /// <summary>Whether <see cref="TryWrap"/> would take the bytes, which this only looks at.</summary>
    internal static bool IsFrame(ReadOnlySpan<byte> bytes, bool withDeflated) => IsFrame(bytes, withDeflated, out _, out _);

    /// <summary>Whether the bytes are one whole compressed frame that may stand for a plain one: of the same kind, and shorter.</summary>
    internal static bool IsDeflated(ReadOnlySpan<byte> plain, ReadOnlySpan<byte> deflated) =>
        TryMeasure(deflated, out var header, out var length)
        && length == deflated.Length
        && length > header
        && length < plain.Length
        && deflated[0] == (plain[0] | Compressed);

    /// <summary>The bytes for a receiver that takes compressed frames, or takes none.</summary>
    internal ReadOnlyMemory<byte> BytesFor(bool deflate) => deflate && !_deflated.IsEmpty ? Deflated : Bytes;

    /// <summary>Where the payload begins in <see cref="BytesFor"/>.</summary>
    internal int PayloadAt(bool deflate) => deflate && !_deflated.IsEmpty ? _deflated.Span[1] switch { < 126 => 2, 126 => 4, _ => MaxHeaderBytes } : _headerBytes;

    /// <summary>The length of <see cref="BytesFor"/>.</summary>
    internal int LengthFor(bool deflate) => deflate && !_deflated.IsEmpty ? _deflated.Length : Length;

    /// <summary>The form of a subprotocol, encoded when the first one asks for it. It lives as long as this frame.</summary>
    internal SharedFrame BodyFor(WebSocketProtocol protocol, FrameDeflater? deflater, ConnectionLog? log)
    {
        if (FindBody(protocol.BodyEncoding) is { } found)
        {
            return found;
        }

        lock (s_bodyGates[RuntimeHelpers.GetHashCode(this) % s_bodyGates.Length])
        {
            if (FindBody(protocol.BodyEncoding) is { } other)
            {
                return other;
            }

            var body = EncodeBody(protocol, _deflated.IsEmpty ? null : deflater, log);
            Volatile.Write(ref _bodies, new(protocol.BodyEncoding, body, _bodies));
            return body;
        }
    }

    private SharedFrame? FindBody(object encoding)
    {
        for (var body = Volatile.Read(ref _bodies); body is not null; body = body.Next)
        {
            if (ReferenceEquals(body.Encoding, encoding))
            {
                return body.Frame;
            }
        }

        return null;
    }

    private SharedFrame EncodeBody(WebSocketProtocol protocol, FrameDeflater? deflater, ConnectionLog? log)
    {
        var output = s_body ?? new();
        s_body = null; // should a protocol have something encoded meanwhile
        SharedFrame body;
        try
        {
            protocol.WriteBody(new(Payload.Span, MessageType == WebSocketMessageType.Text, Terms is null ? default : Terms.Metadata.Span), output);
            body = Encode(new(output.WrittenMemory, protocol.IsBinary ? WebSocketMessageType.Binary : WebSocketMessageType.Text), deflater);
        }
        catch (Exception exception)
        {
            log?.ProtocolFailed(protocol.Name, exception);
            return new(null, 0, s_nothing, headerBytes: 2, default) { IsBroken = true };
        }

        if (output.Capacity <= MaxKeptBytes)
        {
            output.ResetWrittenCount();
            s_body = output;
        }

        return body;
    }

    private long MemoryBytes => (long)_headroom + _bytes.Length + _deflated.Length;

    /// <summary>Adds references, all at once where many queues get the frame: the counter is what their threads contend for.</summary>
    internal void AddReferences(int count)
    {
        var references = Interlocked.Add(ref _references, count);
        Debug.Assert(references > count, "A frame is kept after its release.");
    }

    internal void Release(int count = 1)
    {
        var references = Interlocked.Add(ref _references, -count);
        Debug.Assert(references >= 0, "A frame is released twice.");
        if (references == 0)
        {
            Interlocked.Decrement(ref s_outstanding);
            Interlocked.Add(ref s_outstandingBytes, -MemoryBytes);
            Return(_pooled);
            for (var body = _bodies; body is not null; body = body.Next)
            {
                body.Frame.Release();
            }
        }
    }

    public void Dispose() => Release();

    /// <summary>Puts something behind what an array of the pool holds, in a larger one if it is too small.</summary>
    private static byte[] Append(byte[] array, int length, ReadOnlySpan<byte> more)
    {
        var result = array;
        if (array.Length - length < more.Length)
        {
            result = ArrayPool<byte>.Shared.Rent(length + more.Length);
            array.AsSpan(0, length).CopyTo(result);
            Return(array);
        }

        more.CopyTo(result.AsSpan(length));
        return result;
    }

    private static void Return(byte[]? pooled)
    {
        if (pooled is not null)
        {
#if DEBUG
            pooled.AsSpan().Fill(0xFF);
#endif
            ArrayPool<byte>.Shared.Return(pooled);
        }
    }

    private static bool IsFrame(ReadOnlySpan<byte> bytes, bool withDeflated, out int header, out int length) =>
        TryMeasure(bytes, out header, out length)
        && bytes[0] is FinalText or FinalBinary
        && withDeflated == (length < bytes.Length)
        && (!withDeflated || IsDeflated(bytes[..length], bytes[length..]))
        && (bytes[0] != FinalText || Utf8.IsValid(bytes[header..length]));

    /// <summary>Reads how long the frame at the beginning is; false if it is not whole, masked, or its length not in the shortest form.</summary>
    private static bool TryMeasure(ReadOnlySpan<byte> bytes, out int header, out int length)
    {
        (header, length) = (0, 0);
        if (bytes.Length < 2 || bytes[1] > 127)
        {
            return false;
        }

        header = bytes[1] switch { < 126 => 2, 126 => 4, _ => MaxHeaderBytes };
        if (bytes.Length < header)
        {
            return false;
        }

        var payload = bytes[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(bytes[2..]),
            127 => BinaryPrimitives.ReadUInt64BigEndian(bytes[2..]),
            var small => (ulong)small,
        };
        if (payload > (ulong)(bytes.Length - header) || HeaderBytes((int)payload) != header)
        {
            return false;
        }

        length = header + (int)payload;
        return true;
    }

    internal static int HeaderBytes(int payloadBytes) => payloadBytes switch { < 126 => 2, <= ushort.MaxValue => 4, _ => MaxHeaderBytes };

    private static void WriteHeader(Span<byte> destination, bool text, int payloadBytes) =>
        WriteHeader(destination, text ? FinalText : FinalBinary, payloadBytes);

    /// <summary>Writes the header of a server's frame, <see cref="HeaderBytes"/> long.</summary>
    /// <param name="destination">Where.</param>
    /// <param name="first">Its first byte.</param>
    /// <param name="payloadBytes">The length of what follows.</param>
    internal static void WriteHeader(Span<byte> destination, byte first, int payloadBytes)
    {
        destination[0] = first;
        switch (payloadBytes)
        {
            case < 126:
                destination[1] = (byte)payloadBytes;
                break;
            case <= ushort.MaxValue:
                destination[1] = 126;
                BinaryPrimitives.WriteUInt16BigEndian(destination[2..], (ushort)payloadBytes);
                break;
            default:
                destination[1] = 127;
                BinaryPrimitives.WriteUInt64BigEndian(destination[2..], (ulong)payloadBytes);
                break;
        }
    }

    /// <summary>The form of a subprotocol, and the next one.</summary>
    private sealed record EncodedBody(object Encoding, SharedFrame Frame, EncodedBody? Next);
}
