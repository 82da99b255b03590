using System.Text;
using Google.Protobuf;

namespace DistributedSockets.WebPubSub.Tests.Frames;

/// <summary>Messages of Protocol Buffers, field by field, as another implementation writes and reads them.</summary>
internal static class Proto
{
    internal static byte[] Message(params (int Field, object Value)[] fields)
    {
        using var stream = new MemoryStream();
        using (var output = new CodedOutputStream(stream, leaveOpen: true))
        {
            foreach (var (field, value) in fields)
            {
                switch (value)
                {
                    case ulong number:
                        output.WriteTag(field, WireFormat.WireType.Varint);
                        output.WriteUInt64(number);
                        break;
                    case bool flag:
                        output.WriteTag(field, WireFormat.WireType.Varint);
                        output.WriteBool(flag);
                        break;
                    default:
                        output.WriteTag(field, WireFormat.WireType.LengthDelimited);
                        output.WriteBytes(ByteString.CopyFrom(value as byte[] ?? Encoding.UTF8.GetBytes((string)value)));
                        break;
                }
            }
        }

        return stream.ToArray();
    }

    /// <summary>Reads fields: a number, or bytes.</summary>
    internal static ILookup<int, object> Read(ReadOnlySpan<byte> message)
    {
        var fields = new List<(int Field, object Value)>();
        var input = new CodedInputStream(message.ToArray());
        for (var tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            fields.Add((WireFormat.GetTagFieldNumber(tag), WireFormat.GetTagWireType(tag) == WireFormat.WireType.Varint ? input.ReadUInt64() : input.ReadBytes().ToByteArray()));
        }

        return fields.ToLookup(static field => field.Field, static field => field.Value);
    }

    internal static ILookup<int, object> Part(this ILookup<int, object> message, int field) => Read((byte[])message[field].Single());

    internal static string Text(this ILookup<int, object> message, int field) => Encoding.UTF8.GetString((byte[])message[field].Single());

    internal static ulong Number(this ILookup<int, object> message, int field) => (ulong)message[field].Single();
}
