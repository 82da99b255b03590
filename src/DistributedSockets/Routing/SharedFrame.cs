using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Net.WebSockets;
using System.Text.Unicode;

namespace DistributedSockets;

/// <summary>One encoded RFC 6455 server frame, shared by every queue that holds it; the last release returns its array.</summary>
internal sealed class SharedFrame : IDisposable
{
    private const byte FinalText = 0x81;
    private const byte FinalBinary = 0x82;
    private const int MaxHeaderBytes = 10;
    private static long s_outstanding;

    private readonly byte[]? _pooled;
    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly int _headerBytes;
    private int _references = 1;

    private SharedFrame(byte[]? pooled, ReadOnlyMemory<byte> bytes, int headerBytes)
    {
        _pooled = pooled;
        _bytes = bytes;
        _headerBytes = headerBytes;
        Length = bytes.Length;
        MessageType = bytes.Span[0] == FinalText ? WebSocketMessageType.Text : WebSocketMessageType.Binary;
        Interlocked.Increment(ref s_outstanding);
    }

    /// <summary>Frames not yet released, in this process.</summary>
    internal static long Outstanding => Volatile.Read(ref s_outstanding);

    /// <summary>How many references are held.</summary>
    internal int References => Volatile.Read(ref _references);

    internal int Length { get; }

    internal WebSocketMessageType MessageType { get; }

    internal ReadOnlyMemory<byte> Bytes
    {
        get
        {
            Debug.Assert(Volatile.Read(ref _references) > 0, "A frame is used after its release.");
            return _bytes;
        }
    }

    internal ReadOnlyMemory<byte> Payload => Bytes[_headerBytes..];

    /// <summary>Encodes a message. The caller owns one reference.</summary>
    /// <exception cref="ArgumentException">A text message is no valid UTF-8.</exception>
    internal static SharedFrame Encode(in WebSocketMessage message)
    {
        var length = message.Length;
        var header = HeaderBytes(length);
        var array = ArrayPool<byte>.Shared.Rent(header + length);
        WriteHeader(array, message.IsText, length);
        message.CopyTo(array.AsSpan(header));
        if (message.IsText && !Utf8.IsValid(array.AsSpan(header, length)))
        {
            ArrayPool<byte>.Shared.Return(array);
            throw new ArgumentException(
                "The text message is no valid UTF-8, which clients answer with close code 1007 (RFC 6455 section 8.1). Send it as binary, or encode it as UTF-8.",
                nameof(message));
        }

        return new(array, array.AsMemory(0, header + length), header);
    }

    /// <summary>Takes a frame as another node encoded it. The memory is this frame's own from now on.</summary>
    /// <returns>Whether the bytes are one whole unmasked text or binary frame and nothing else, a text in valid UTF-8.</returns>
    internal static bool TryWrap(ReadOnlyMemory<byte> bytes, [NotNullWhen(true)] out SharedFrame? frame)
    {
        frame = null;
        var span = bytes.Span;
        if (span.Length < 2 || span[0] is not (FinalText or FinalBinary) || span[1] > 127)
        {
            return false;
        }

        var header = span[1] switch { < 126 => 2, 126 => 4, _ => MaxHeaderBytes };
        if (span.Length < header)
        {
            return false;
        }

        var length = span[1] switch
        {
            126 => BinaryPrimitives.ReadUInt16BigEndian(span[2..]),
            127 => BinaryPrimitives.ReadUInt64BigEndian(span[2..]),
            var small => (ulong)small,
        };
        if (length != (ulong)(span.Length - header)
            || HeaderBytes(span.Length - header) != header
            || (span[0] == FinalText && !Utf8.IsValid(span[header..])))
        {
            return false;
        }

        frame = new(null, bytes, header);
        return true;
    }

    internal void AddReference()
    {
        var references = Interlocked.Increment(ref _references);
        Debug.Assert(references > 1, "A frame is kept after its release.");
    }

    internal void Release()
    {
        var references = Interlocked.Decrement(ref _references);
        Debug.Assert(references >= 0, "A frame is released twice.");
        if (references == 0)
        {
            Interlocked.Decrement(ref s_outstanding);
            if (_pooled is not null)
            {
#if DEBUG
                _pooled.AsSpan().Fill(0xFF);
#endif
                ArrayPool<byte>.Shared.Return(_pooled);
            }
        }
    }

    public void Dispose() => Release();

    private static int HeaderBytes(int payloadBytes) => payloadBytes switch { < 126 => 2, <= ushort.MaxValue => 4, _ => MaxHeaderBytes };

    private static void WriteHeader(Span<byte> destination, bool text, int payloadBytes)
    {
        destination[0] = text ? FinalText : FinalBinary;
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
}
