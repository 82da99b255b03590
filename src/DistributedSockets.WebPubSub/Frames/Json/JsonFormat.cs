using System.Buffers;
using System.Buffers.Text;
using System.Net.WebSockets;

namespace DistributedSockets.WebPubSub;

/// <summary>Frames of JSON, one object in one text message.</summary>
internal sealed class JsonFormat : FrameFormat
{
    internal static readonly JsonFormat Instance = new();

    private static readonly WebSocketMessage s_pong = new("""{"type":"pong"}"""u8.ToArray(), WebSocketMessageType.Text);

    private JsonFormat()
    {
    }

    internal override bool IsBinary => false;

    internal override WebSocketMessage Pong => s_pong;

    internal override void WriteBody(in ProtocolMessage message, IBufferWriter<byte> output)
    {
        var metadata = MessageMetadata.Read(message.Metadata, message.IsText);
        if (metadata.IsOfGroup)
        {
            output.Write("""
                "type":"message","from":"group","group":
                """u8);
            JsonText.WriteString(metadata.Group, output);
        }
        else
        {
            output.Write("""
                "type":"message","from":"server"
                """u8);
        }

        WriteData(metadata.DataType, message.Payload, output);
        if (metadata.HasFromUserId)
        {
            output.Write(",\"fromUserId\":"u8);
            JsonText.WriteString(metadata.FromUserId, output);
        }

        if (metadata.PairCount > 0)
        {
            output.Write(",\"metadata\":{"u8);
            var pairs = metadata.Pairs;
            for (var i = 0; i < metadata.PairCount; i++)
            {
                output.Write(i == 0 ? ""u8 : ","u8);
                JsonText.WriteString(MessageMetadata.Reader.ReadText(ref pairs), output);
                output.Write(":"u8);
                JsonText.WriteString(MessageMetadata.Reader.ReadText(ref pairs), output);
            }

            output.Write("}"u8);
        }

        output.Write("}"u8);
    }

    internal override int WriteHead(Span<byte> destination, long number, int bodyBytes)
    {
        if (number == 0)
        {
            destination[0] = (byte)'{';
            return 1;
        }

        var start = "{\"sequenceId\":"u8;
        start.CopyTo(destination);
        Utf8Formatter.TryFormat(number, destination[start.Length..], out var digits);
        destination[start.Length + digits] = (byte)',';
        return start.Length + digits + 1;
    }

    internal override WebSocketMessage Connected(string connectionId, string? userId, string? reconnectionToken)
    {
        var output = new ArrayBufferWriter<byte>(256);
        output.Write("""{"type":"system","event":"connected","connectionId":"""u8);
        JsonText.WriteString(connectionId, output);
        if (userId is not null)
        {
            output.Write(",\"userId\":"u8);
            JsonText.WriteString(userId, output);
        }

        if (reconnectionToken is not null)
        {
            output.Write(",\"reconnectionToken\":"u8);
            JsonText.WriteString(reconnectionToken, output);
        }

        return End(output);
    }

    internal override WebSocketMessage Disconnected(string reason)
    {
        var output = new ArrayBufferWriter<byte>(128);
        output.Write("""{"type":"system","event":"disconnected","message":"""u8);
        JsonText.WriteString(reason, output);
        return End(output);
    }

    internal override WebSocketMessage Ack(ulong ackId, string? error = null, string? errorMessage = null)
    {
        var output = new ArrayBufferWriter<byte>(128);
        output.Write("""{"type":"ack","ackId":"""u8);
        Utf8Formatter.TryFormat(ackId, output.GetSpan(20), out var digits);
        output.Advance(digits);
        output.Write(error is null ? ",\"success\":true"u8 : ",\"success\":false"u8);
        WriteError(error, errorMessage, output);
        return End(output);
    }

    internal override WebSocketMessage? InvokeResponse(string invocationId, ClientReply? reply)
    {
        var output = InvokeHead(invocationId, ",\"success\":true"u8);
        if (reply is { } answer)
        {
            WriteData(answer.DataType, answer.Data.Span, output);
        }

        return End(output);
    }

    internal override WebSocketMessage? InvokeFailure(string invocationId, string error, string errorMessage)
    {
        var output = InvokeHead(invocationId, ",\"success\":false"u8);
        WriteError(error, errorMessage, output);
        return End(output);
    }

    internal override ClientRequest Read(ReadOnlyMemory<byte> message) => JsonRequestReader.Read(message);

    internal override bool MayBeSequenceAck(ReadOnlySpan<byte> message) => message.IndexOf("sequenceId"u8) >= 0 || message.IndexOf((byte)'\\') >= 0;

    private static ArrayBufferWriter<byte> InvokeHead(string invocationId, ReadOnlySpan<byte> success)
    {
        var output = new ArrayBufferWriter<byte>(256);
        output.Write("""{"type":"invokeResponse","invocationId":"""u8);
        JsonText.WriteString(invocationId, output);
        output.Write(success);
        return output;
    }

    private static void WriteData(WebPubSubDataType type, ReadOnlySpan<byte> payload, IBufferWriter<byte> output)
    {
        switch (type)
        {
            case WebPubSubDataType.Json:
                output.Write(",\"dataType\":\"json\",\"data\":"u8);
                output.Write(payload);
                break;
            case WebPubSubDataType.Text:
                output.Write(",\"dataType\":\"text\",\"data\":"u8);
                JsonText.WriteString(payload, output);
                break;
            default:
                output.Write(type == WebPubSubDataType.Binary ? ",\"dataType\":\"binary\",\"data\":"u8 : ",\"dataType\":\"protobuf\",\"data\":"u8);
                JsonText.WriteBase64(payload, output);
                break;
        }
    }

    private static void WriteError(string? error, string? message, IBufferWriter<byte> output)
    {
        if (error is null)
        {
            return;
        }

        output.Write(",\"error\":{\"name\":"u8);
        JsonText.WriteString(error, output);
        output.Write(",\"message\":"u8);
        JsonText.WriteString(message ?? error, output);
        output.Write("}"u8);
    }

    private static WebSocketMessage End(ArrayBufferWriter<byte> output)
    {
        output.Write("}"u8);
        return new(output.WrittenMemory, WebSocketMessageType.Text);
    }
}
