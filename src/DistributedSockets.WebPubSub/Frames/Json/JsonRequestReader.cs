using System.Buffers.Text;
using System.Text;
using System.Text.Json;

namespace DistributedSockets.WebPubSub;

/// <summary>Reads the requests of JSON clients. Data is passed on as it was written, so it is looked over and never built.</summary>
internal static class JsonRequestReader
{
    private const int MaxDepth = 512;

    private static readonly JsonReaderOptions s_options = new() { MaxDepth = MaxDepth };

    /// <exception cref="BadFrameException">It is no request.</exception>
    internal static ClientRequest Read(ReadOnlyMemory<byte> message)
    {
        try
        {
            return Read(message, Find(message.Span));
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException) // the latter of an escaped half of a surrogate pair
        {
            throw new BadFrameException("The message is no valid JSON.");
        }
    }

    private static ClientRequest Read(ReadOnlyMemory<byte> message, in Properties found)
    {
        var span = message.Span;
        return Text(span, found.Type, "type") switch
        {
            "ping" => new() { Kind = ClientRequestKind.Ping },
            "joinGroup" => new() { Kind = ClientRequestKind.JoinGroup, Group = RequestRules.Group(Text(span, found.Group, "group")), AckId = Number(span, found.AckId, "ackId") },
            "leaveGroup" => new() { Kind = ClientRequestKind.LeaveGroup, Group = RequestRules.Group(Text(span, found.Group, "group")), AckId = Number(span, found.AckId, "ackId") },
            "sendToGroup" => Data(message, found, ClientRequestKind.SendToGroup) with
            {
                Group = RequestRules.Group(Text(span, found.Group, "group")),
                NoEcho = Flag(span, found.NoEcho, "noEcho"),
                TimeToLive = RequestRules.TimeToLive(Number(span, found.TtlSeconds, "ttlSeconds") ?? 0),
            },
            "event" => Data(message, found, ClientRequestKind.Event) with { Event = RequestRules.Event(Text(span, found.Event, "event")) },
            "sequenceAck" => new()
            {
                Kind = ClientRequestKind.SequenceAck,
                AckId = Number(span, found.SequenceId, "sequenceId") ?? throw Missing("sequenceId"),
            },
            "invoke" => Invocation(message, found),
            "cancelInvocation" => new()
            {
                Kind = ClientRequestKind.CancelInvocation, InvocationId = RequestRules.InvocationId(Text(span, found.InvocationId, "invocationId")),
            },
            _ => throw new BadFrameException("The type of the message is not known."),
        };
    }

    private static ClientRequest Invocation(ReadOnlyMemory<byte> message, in Properties found)
    {
        var span = message.Span;
        if (Text(span, found.Target, "target") != "event")
        {
            throw new BadFrameException("The target of an invocation is 'event'.");
        }

        var data = IsGiven(span, found.Data) ? Data(message, found, ClientRequestKind.Invoke) : new() { Kind = ClientRequestKind.Invoke };
        return data with
        {
            AckId = null,
            InvocationId = RequestRules.InvocationId(Text(span, found.InvocationId, "invocationId")),
            Event = RequestRules.Event(Text(span, found.Event, "event")),
        };
    }

    private static ClientRequest Data(ReadOnlyMemory<byte> message, in Properties found, ClientRequestKind kind)
    {
        var span = message.Span;
        var type = IsGiven(span, found.DataType)
            ? Text(span, found.DataType, "dataType") switch
            {
                "text" => WebPubSubDataType.Text,
                "json" => WebPubSubDataType.Json,
                "binary" => WebPubSubDataType.Binary,
                "protobuf" => WebPubSubDataType.Protobuf,
                _ => throw new BadFrameException("dataType is text, json, binary or protobuf."),
            }
            : WebPubSubDataType.Json;
        if (!IsGiven(span, found.Data))
        {
            throw Missing("data");
        }

        return new()
        {
            Kind = kind,
            AckId = Number(span, found.AckId, "ackId"),
            DataType = type,
            Data = type switch
            {
                WebPubSubDataType.Json => message[found.Data],
                WebPubSubDataType.Text => Utf8(message, found.Data),
                _ => Bytes(message, found.Data, type),
            },
            Metadata = Metadata(span, found.Metadata),
        };
    }

    private static ReadOnlyMemory<byte> Utf8(ReadOnlyMemory<byte> message, Range at)
    {
        var reader = ValueOf(message.Span, at, "data", JsonTokenType.String);
        if (!reader.ValueIsEscaped)
        {
            return message[at][1..^1];
        }

        var text = new byte[reader.ValueSpan.Length];
        return text.AsMemory(0, reader.CopyString(text));
    }

    private static ReadOnlyMemory<byte> Bytes(ReadOnlyMemory<byte> message, Range at, WebPubSubDataType type)
    {
        var text = Utf8(message, at).Span;
        var bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        if (Base64.DecodeFromUtf8(text, bytes, out _, out var written) != System.Buffers.OperationStatus.Done)
        {
            throw new BadFrameException("The data of a binary message is a string of base64.");
        }

        var data = bytes.AsMemory(0, written);
        return type == WebPubSubDataType.Binary || ProtobufAny.IsValid(data.Span)
            ? data
            : throw new BadFrameException("The data of a protobuf message is a serialized google.protobuf.Any in base64.");
    }

    private static Dictionary<string, string>? Metadata(ReadOnlySpan<byte> message, Range at)
    {
        if (!IsGiven(message, at))
        {
            return null;
        }

        var reader = ValueOf(message, at, "metadata", JsonTokenType.StartObject);
        Dictionary<string, string>? pairs = null;
        var bytes = 0;
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var key = reader.GetString()!; // a name is never null
            if (!reader.Read() || reader.TokenType != JsonTokenType.String)
            {
                throw new BadFrameException("The values of metadata are strings.");
            }

            RequestRules.AddMetadata(ref pairs, key, reader.GetString()!, ref bytes); // nor is a string
        }

        return pairs;
    }

    private static string? Text(ReadOnlySpan<byte> message, Range at, string name) =>
        ValueOf(message, at, name, JsonTokenType.String).GetString();

    private static ulong? Number(ReadOnlySpan<byte> message, Range at, string name)
    {
        if (!IsGiven(message, at))
        {
            return null;
        }

        var reader = ValueOf(message, at, name, JsonTokenType.Number);
        return reader.TryGetUInt64(out var number) ? number : throw new BadFrameException($"{name} is a number without a sign and of at most 64 bits.");
    }

    private static bool Flag(ReadOnlySpan<byte> message, Range at, string name)
    {
        if (!IsGiven(message, at))
        {
            return false;
        }

        var value = message[at];
        return value.SequenceEqual("true"u8) || (value.SequenceEqual("false"u8) ? false : throw new BadFrameException($"{name} is true or false."));
    }

    /// <summary>Whether a property is there, and is not null.</summary>
    private static bool IsGiven(ReadOnlySpan<byte> message, Range at) => !at.Equals(default) && !message[at].SequenceEqual("null"u8);

    private static Utf8JsonReader ValueOf(ReadOnlySpan<byte> message, Range at, string name, JsonTokenType type)
    {
        if (at.Equals(default))
        {
            throw Missing(name);
        }

        var reader = new Utf8JsonReader(message[at], s_options);
        return reader.Read() && reader.TokenType == type ? reader : throw new BadFrameException($"{name} has a value of the wrong kind.");
    }

    private static BadFrameException Missing(string name) => new($"{name} is missing.");

    /// <summary>Finds the properties that are known, and looks the others over.</summary>
    private static Properties Find(ReadOnlySpan<byte> message)
    {
        var reader = new Utf8JsonReader(message, s_options);
        var found = default(Properties);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject)
        {
            throw new BadFrameException("The message is no JSON object.");
        }

        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            ref var place = ref found.Place(ref reader);
            reader.Read();
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (!place.Equals(default))
            {
                throw new BadFrameException("A property is there twice.");
            }

            place = start..(int)reader.BytesConsumed;
            found.Other = default;
        }

        reader.Read(); // nothing but white space may follow
        return found;
    }

    /// <summary>Where the values stand; the default for one that is missing, since no value stands at the beginning.</summary>
    private ref struct Properties
    {
        internal Range Type, Group, AckId, DataType, Data, NoEcho, TtlSeconds, Metadata, Event, SequenceId, InvocationId, Target, Other;

        [System.Diagnostics.CodeAnalysis.UnscopedRef]
        internal ref Range Place(ref Utf8JsonReader name)
        {
            if (name.ValueTextEquals("type"u8))
            {
                return ref Type;
            }

            if (name.ValueTextEquals("group"u8))
            {
                return ref Group;
            }

            if (name.ValueTextEquals("ackId"u8))
            {
                return ref AckId;
            }

            if (name.ValueTextEquals("dataType"u8))
            {
                return ref DataType;
            }

            if (name.ValueTextEquals("data"u8))
            {
                return ref Data;
            }

            if (name.ValueTextEquals("noEcho"u8))
            {
                return ref NoEcho;
            }

            if (name.ValueTextEquals("ttlSeconds"u8))
            {
                return ref TtlSeconds;
            }

            if (name.ValueTextEquals("metadata"u8))
            {
                return ref Metadata;
            }

            if (name.ValueTextEquals("event"u8))
            {
                return ref Event;
            }

            if (name.ValueTextEquals("sequenceId"u8))
            {
                return ref SequenceId;
            }

            if (name.ValueTextEquals("invocationId"u8))
            {
                return ref InvocationId;
            }

            if (name.ValueTextEquals("target"u8))
            {
                return ref Target;
            }

            return ref Other;
        }
    }
}
