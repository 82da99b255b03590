using System.Buffers;
using System.Net.WebSockets;
using System.Text;

namespace DistributedSockets.WebPubSub;

/// <summary>Frames of Protocol Buffers, one <c>DownstreamMessage</c> of webpubsub.proto in one binary message.</summary>
/// <remarks>
/// A data frame is the tag and the length of <c>data_message</c> and the number, which are the head, and the other fields behind it: the order of fields is free.
/// It has no place for the user of the sender. JSON goes as <c>text_data</c>, which clients of every version of the protocol know.
/// </remarks>
internal sealed class ProtobufFormat : FrameFormat
{
    internal static readonly ProtobufFormat Instance = new();

    private const byte LengthDelimited = 2;
    private const byte AckTag = (1 << 3) | LengthDelimited;
    private const byte DataTag = (2 << 3) | LengthDelimited;
    private const byte SystemTag = (3 << 3) | LengthDelimited;
    private const byte PongTag = (4 << 3) | LengthDelimited;
    private const byte SequenceIdTag = 4 << 3;

    private static readonly WebSocketMessage s_pong = WebSocketMessage.Binary(new byte[] { PongTag, 0 });

    private ProtobufFormat()
    {
    }

    internal override bool IsBinary => true;

    internal override WebSocketMessage Pong => s_pong;

    internal override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output)
    {
        var metadata = MessageMetadata.Read(message.Metadata, message.IsText);
        WriteField(1, metadata.IsOfGroup ? "group"u8 : "server"u8, output);
        if (metadata.IsOfGroup)
        {
            WriteField(2, metadata.Group, output);
        }

        WriteData(metadata.DataType, message.Payload, output);
        var pairs = metadata.Pairs;
        for (var i = 0; i < metadata.PairCount; i++)
        {
            var key = MessageMetadata.Reader.ReadText(ref pairs);
            var value = MessageMetadata.Reader.ReadText(ref pairs);
            WriteTag(5, output);
            Varint.Write((uint)(SizeOfField(key.Length) + SizeOfField(value.Length)), output);
            WriteField(1, key, output);
            WriteField(2, value, output);
        }
    }

    internal override int WriteHead(Span<byte> destination, long number, int bodyBytes)
    {
        var numberBytes = number == 0 ? 0 : 1 + Varint.SizeOf((ulong)number);
        destination[0] = DataTag;
        var written = 1 + Varint.Write((uint)(numberBytes + bodyBytes), destination[1..]);
        if (number != 0)
        {
            destination[written++] = SequenceIdTag;
            written += Varint.Write((ulong)number, destination[written..]);
        }

        return written;
    }

    internal override WebSocketMessage Connected(string connectionId, string? userId, string? reconnectionToken)
    {
        var inner = new ArrayBufferWriter<byte>(256);
        WriteField(1, connectionId, inner);
        if (userId is not null)
        {
            WriteField(2, userId, inner);
        }

        if (reconnectionToken is not null)
        {
            WriteField(3, reconnectionToken, inner);
        }

        return Wrap(SystemTag, Wrap(1, inner.WrittenSpan));
    }

    internal override WebSocketMessage Disconnected(string reason)
    {
        var inner = new ArrayBufferWriter<byte>(128);
        WriteField(2, reason, inner);
        return Wrap(SystemTag, Wrap(2, inner.WrittenSpan));
    }

    internal override WebSocketMessage Ack(ulong ackId, string? error = null, string? errorMessage = null)
    {
        var inner = new ArrayBufferWriter<byte>(128);
        inner.Write<byte>([1 << 3]);
        Varint.Write(ackId, inner);
        if (error is null)
        {
            inner.Write<byte>([2 << 3, 1]);
        }
        else
        {
            var details = new ArrayBufferWriter<byte>(128);
            WriteField(1, error, details);
            WriteField(2, errorMessage ?? error, details);
            WriteField(3, details.WrittenSpan, inner);
        }

        return Wrap(AckTag, inner.WrittenSpan);
    }

    internal override ClientRequest Read(ReadOnlyMemory<byte> message) => ProtobufRequestReader.Read(message);

    internal override bool MayBeSequenceAck(ReadOnlySpan<byte> message) => message is [(8 << 3) | LengthDelimited, ..] or { Length: < 32 };

    private static void WriteData(WebPubSubDataType type, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        WriteTag(3, output);
        Varint.Write((uint)SizeOfField(payload.Length), output);
        WriteField(
            type switch
            {
                WebPubSubDataType.Binary => 2,
                WebPubSubDataType.Protobuf => 3,
                _ => 1,
            },
            payload,
            output);
    }

    /// <summary>The bytes of a field with a number below 16 and a length.</summary>
    private static int SizeOfField(int length) => 1 + Varint.SizeOf((uint)length) + length;

    private static void WriteTag(int field, IBufferWriter<byte> output) => output.Write([(byte)((field << 3) | LengthDelimited)]);

    private static void WriteField(int field, ReadOnlySpan<byte> value, IBufferWriter<byte> output)
    {
        WriteTag(field, output);
        Varint.Write((uint)value.Length, output);
        output.Write(value);
    }

    private static void WriteField(int field, string value, IBufferWriter<byte> output) => WriteField(field, Encoding.UTF8.GetBytes(value), output);

    private static byte[] Wrap(int field, ReadOnlySpan<byte> inner)
    {
        var output = new ArrayBufferWriter<byte>(inner.Length + Varint.MaxBytes);
        WriteField(field, inner, output);
        return output.WrittenSpan.ToArray();
    }

    private static WebSocketMessage Wrap(byte tag, ReadOnlySpan<byte> inner) =>
        new(Wrap(tag >> 3, inner), WebSocketMessageType.Binary);
}
