using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Google.Protobuf;

namespace DistributedSockets.WebPubSub;

/// <summary>Reads the requests of protobuf clients: <c>UpstreamMessage</c> of webpubsub.proto. Fields that are not known are passed over.</summary>
internal static class ProtobufRequestReader
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <exception cref="BadFrameException">It is no request.</exception>
    internal static ClientRequest Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            ClientRequest? request = null;
            var input = Open(message);
            for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
            {
                if (WireFormat.GetTagWireType(tag) == WireFormat.WireType.LengthDelimited)
                {
                    request = ReadOne(WireFormat.GetTagFieldNumber(tag), input.ReadBytes().Memory) ?? request; // of several the last one counts
                }
                else
                {
                    input.SkipLastField();
                }
            }

            return request ?? throw new BadFrameException("The message is none that is known.");
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or DecoderFallbackException or InvalidOperationException)
        {
            throw new BadFrameException("The message is no valid Protocol Buffers message.");
        }
    }

    private static ClientRequest? ReadOne(int field, ReadOnlyMemory<byte> part) => field switch
    {
        1 => ReadSendToGroup(part),
        5 => ReadEvent(part),
        6 => ReadMembership(part, ClientRequestKind.JoinGroup),
        7 => ReadMembership(part, ClientRequestKind.LeaveGroup),
        8 => ReadSequenceAck(part),
        9 => new() { Kind = ClientRequestKind.Ping },
        _ => null,
    };

    private static ClientRequest ReadSendToGroup(ReadOnlyMemory<byte> part)
    {
        string? group = null;
        ulong? ackId = null;
        ClientRequest? data = null;
        var (noEcho, ttl, bytes) = (false, 0ul, 0);
        Dictionary<string, string>? metadata = null;
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    group = Text(input);
                    break;
                case 2 << 3:
                    ackId = input.ReadUInt64();
                    break;
                case (3 << 3) | 2:
                    data = ReadData(input.ReadBytes().Memory);
                    break;
                case 4 << 3:
                    noEcho = input.ReadBool();
                    break;
                case 5 << 3:
                    ttl = input.ReadUInt64();
                    break;
                case (6 << 3) | 2:
                    ReadPair(input.ReadBytes().Memory, ref metadata, ref bytes);
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return (data ?? throw new BadFrameException("data is missing.")) with
        {
            Kind = ClientRequestKind.SendToGroup,
            Group = RequestRules.Group(group),
            AckId = ackId,
            NoEcho = noEcho,
            TimeToLive = RequestRules.TimeToLive(ttl),
            Metadata = metadata,
        };
    }

    private static ClientRequest ReadEvent(ReadOnlyMemory<byte> part)
    {
        string? name = null;
        ulong? ackId = null;
        ClientRequest? data = null;
        var bytes = 0;
        Dictionary<string, string>? metadata = null;
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    name = Text(input);
                    break;
                case (2 << 3) | 2:
                    data = ReadData(input.ReadBytes().Memory);
                    break;
                case 3 << 3:
                    ackId = input.ReadUInt64();
                    break;
                case (4 << 3) | 2:
                    ReadPair(input.ReadBytes().Memory, ref metadata, ref bytes);
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return (data ?? throw new BadFrameException("data is missing.")) with
        {
            Kind = ClientRequestKind.Event, Event = RequestRules.Event(name), AckId = ackId, Metadata = metadata,
        };
    }

    private static ClientRequest ReadMembership(ReadOnlyMemory<byte> part, ClientRequestKind kind)
    {
        string? group = null;
        ulong? ackId = null;
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    group = Text(input);
                    break;
                case 2 << 3:
                    ackId = input.ReadUInt64();
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        return new() { Kind = kind, Group = RequestRules.Group(group), AckId = ackId };
    }

    private static ClientRequest ReadSequenceAck(ReadOnlyMemory<byte> part)
    {
        var id = 0ul;
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (tag == 1 << 3)
            {
                id = input.ReadUInt64();
            }
            else
            {
                input.SkipLastField();
            }
        }

        return new() { Kind = ClientRequestKind.SequenceAck, AckId = id };
    }

    private static ClientRequest ReadData(ReadOnlyMemory<byte> part)
    {
        (WebPubSubDataType Type, ReadOnlyMemory<byte> Bytes)? data = null;
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            if (tag is ((1 << 3) | 2) or ((2 << 3) | 2) or ((3 << 3) | 2) or ((4 << 3) | 2))
            {
                var type = (tag >> 3) switch
                {
                    1 => WebPubSubDataType.Text,
                    2 => WebPubSubDataType.Binary,
                    3 => WebPubSubDataType.Protobuf,
                    _ => WebPubSubDataType.Json,
                };
                data = (type, input.ReadBytes().Memory);
            }
            else
            {
                input.SkipLastField();
            }
        }

        var (kind, bytes) = data ?? throw new BadFrameException("data is missing.");
        Check(kind, bytes.Span);
        return new() { Kind = default, DataType = kind, Data = bytes };
    }

    private static void Check(WebPubSubDataType type, ReadOnlySpan<byte> data)
    {
        switch (type)
        {
            case WebPubSubDataType.Text:
                _ = s_strict.GetCharCount(data);
                break;
            case WebPubSubDataType.Json:
                CheckJson(data);
                break;
            case WebPubSubDataType.Protobuf when !ProtobufAny.IsValid(data):
                throw new BadFrameException("protobuf_data is no google.protobuf.Any.");
        }
    }

    private static void CheckJson(ReadOnlySpan<byte> data)
    {
        _ = s_strict.GetCharCount(data);
        var reader = new Utf8JsonReader(data, new JsonReaderOptions { MaxDepth = 512 });
        try
        {
            if (!reader.Read() || reader.TokenType == JsonTokenType.Null)
            {
                throw new BadFrameException("json_data is a JSON value, and not null.");
            }

            while (reader.Read())
            {
                // It is only looked over.
            }
        }
        catch (JsonException)
        {
            throw new BadFrameException("json_data is no valid JSON.");
        }
    }

    private static void ReadPair(ReadOnlyMemory<byte> part, ref Dictionary<string, string>? metadata, ref int bytes)
    {
        var (key, value) = ("", "");
        var input = Open(part);
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            switch (tag)
            {
                case (1 << 3) | 2:
                    key = Text(input);
                    break;
                case (2 << 3) | 2:
                    value = Text(input);
                    break;
                default:
                    input.SkipLastField();
                    break;
            }
        }

        RequestRules.AddMetadata(ref metadata, key, value, ref bytes);
    }

    private static string Text(CodedInputStream input) => s_strict.GetString(input.ReadBytes().Memory.Span);

    private static CodedInputStream Open(ReadOnlyMemory<byte> part) => MemoryMarshal.TryGetArray(part, out var array)
        ? new(array.Array, array.Offset, array.Count)
        : new(part.ToArray());
}
