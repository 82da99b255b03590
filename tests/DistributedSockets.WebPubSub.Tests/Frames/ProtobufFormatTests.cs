using System.Buffers;
using System.Text;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistributedSockets.WebPubSub.Tests.Frames;

public sealed class ProtobufFormatTests
{
    private static readonly byte[] s_any = Any.Pack(new StringValue { Value = "x" }).ToByteArray();
    private static readonly ProtobufFormat s_format = ProtobufFormat.Instance;

    [Fact]
    public void SendToGroup_WithAllFields_IsRead()
    {
        var request = s_format.Read(Proto.Message((1, Proto.Message(
            (99, "unknown"), (1, "gruppe ä"), (2, ulong.MaxValue), (3, Proto.Message((1, "text"))), (4, true), (5, 300ul),
            (6, Proto.Message((1, "k"), (2, "v"))), (6, Proto.Message((1, "k2")))))));

        Assert.Equal((ClientRequestKind.SendToGroup, "gruppe ä", (ulong?)ulong.MaxValue, true), (request.Kind, request.Group, request.AckId, request.NoEcho));
        Assert.Equal((WebPubSubDataType.Text, "text", TimeSpan.FromMinutes(5)), (request.DataType, Encoding.UTF8.GetString(request.Data.Span), request.TimeToLive!.Value));
        Assert.Equal([new("k", "v"), new("k2", "")], request.Metadata!);
    }

    [Fact]
    public void Requests_OfEachKind_AreRead()
    {
        var @event = s_format.Read(Proto.Message((5, Proto.Message((1, "e"), (2, Proto.Message((2, new byte[] { 0, 255 }))), (3, 0ul), (4, Proto.Message((1, "k"), (2, "v")))))));
        Assert.Equal((ClientRequestKind.Event, "e", (ulong?)0, WebPubSubDataType.Binary), (@event.Kind, @event.Event, @event.AckId, @event.DataType));
        Assert.Equal([0, 255], @event.Data.ToArray());

        var join = s_format.Read(Proto.Message((6, Proto.Message((1, "g"), (2, 7ul)))));
        Assert.Equal((ClientRequestKind.JoinGroup, "g", (ulong?)7), (join.Kind, join.Group, join.AckId));
        var leave = s_format.Read(Proto.Message((7, Proto.Message((1, "g")))));
        Assert.Equal((ClientRequestKind.LeaveGroup, "g", (ulong?)null), (leave.Kind, leave.Group, leave.AckId));
        var ack = s_format.Read(Proto.Message((8, Proto.Message((1, 5ul)))));
        Assert.Equal((ClientRequestKind.SequenceAck, (ulong?)5), (ack.Kind, ack.AckId));
        Assert.Equal(ClientRequestKind.Ping, s_format.Read(Proto.Message((9, ""))).Kind);
    }

    [Theory]
    [InlineData(1, WebPubSubDataType.Text)]
    [InlineData(2, WebPubSubDataType.Binary)]
    [InlineData(4, WebPubSubDataType.Json)]
    public void Data_ThatIsEmptyOrFalse_IsData(int field, WebPubSubDataType type)
    {
        var text = type == WebPubSubDataType.Json ? "false" : "";
        var request = s_format.Read(Proto.Message((5, Proto.Message((1, "e"), (2, Proto.Message((field, text)))))));

        Assert.Equal((type, text), (request.DataType, Encoding.UTF8.GetString(request.Data.Span)));
    }

    [Fact]
    public void Data_OfAnAny_IsCheckedAndPassedOn()
    {
        var request = s_format.Read(Proto.Message((5, Proto.Message((1, "e"), (2, Proto.Message((3, s_any)))))));

        Assert.Equal(WebPubSubDataType.Protobuf, request.DataType);
        Assert.Equal(s_any, request.Data.ToArray());
        Bad((5, Proto.Message((1, "e"), (2, Proto.Message((3, new byte[] { 255 }))))));
    }

    [Fact]
    public void Message_ThatIsNone_IsRefused()
    {
        Bad();
        Bad((10, ""));
        Bad((2, ""));
        Bad((1, ""));
        Bad((1, Proto.Message((1, "g"))));
        Bad((1, Proto.Message((1, "g"), (3, ""))));
        Bad((1, Proto.Message((3, Proto.Message((1, "text"))))));
        Bad((1, Proto.Message((1, "g"), (3, Proto.Message((1, "text"))), (5, 301ul))));
        Bad((1, Proto.Message((1, "g"), (3, Proto.Message((1, "text"))), (6, Proto.Message((1, "a b"))))));
        Bad((1, Proto.Message((1, "g"), (3, Proto.Message((4, "{"))))));
        Bad((1, Proto.Message((1, "g"), (3, Proto.Message((4, "null"))))));
        Bad((1, Proto.Message((1, "g"), (3, Proto.Message((1, new byte[] { 255 }))))));
        Bad((1, Proto.Message((1, new byte[] { 255 }), (3, Proto.Message((1, "text"))))));
        Bad((5, Proto.Message((1, "1"), (2, Proto.Message((1, "text"))))));
        Bad((6, Proto.Message((1, " "))));
        Bad((7, ""));
    }

    [Fact]
    public void Messages_OfRandomBytes_AreReadOrRefused()
    {
        var random = new Random(4711);
        var seed = Proto.Message((1, Proto.Message((1, "group"), (2, 7ul), (3, Proto.Message((3, s_any))), (4, true), (6, Proto.Message((1, "k"), (2, "v"))))));
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = seed.ToArray();
            for (var changes = random.Next(1, 5); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                s_format.Read(bytes.AsMemory(0, random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length)));
            }
            catch (BadFrameException)
            {
                // As it should be; anything else fails the test.
            }
        }
    }

    [Theory]
    [InlineData(WebPubSubDataType.Text, 1)]
    [InlineData(WebPubSubDataType.Json, 1)]
    [InlineData(WebPubSubDataType.Binary, 2)]
    [InlineData(WebPubSubDataType.Protobuf, 3)]
    public void DataFrame_OfAGroup_HasItsFields(WebPubSubDataType type, int field)
    {
        var metadata = new MessageMetadata { Group = "g", DataType = type, FromUserId = "alice", Pairs = new Dictionary<string, string> { ["k"] = "v" } };
        foreach (var (number, size) in new[] { (0L, 3), (1L, 0), (long.MaxValue, 100_000) })
        {
            var payload = new string('x', size);
            var data = Frame(payload, metadata.Write(), number).Part(2);

            Assert.Equal(("group", "g", payload), (data.Text(1), data.Text(2), data.Part(3).Text(field)));
            Assert.Equal(number == 0 ? [] : [(ulong)number], data[4].Cast<ulong>());
            Assert.Equal(("k", "v"), (data.Part(5).Text(1), data.Part(5).Text(2)));
        }
    }

    [Fact]
    public void DataFrame_OfTheServer_HasNoGroup()
    {
        var data = Frame("hi", default, 0).Part(2);

        Assert.Equal(("server", "hi"), (data.Text(1), data.Part(3).Text(1)));
        Assert.Empty(data[2]);
    }

    [Fact]
    public void Words_OfTheServer_AreThoseOfTheProtocol()
    {
        Assert.Empty(Word(s_format.Pong).Part(4));
        var connected = Word(s_format.Connected("c", "u", "t")).Part(3).Part(1);
        Assert.Equal(("c", "u", "t"), (connected.Text(1), connected.Text(2), connected.Text(3)));
        Assert.Equal([1], Word(s_format.Connected("c", null, null)).Part(3).Part(1).Select(static field => field.Key));
        Assert.Equal("why", Word(s_format.Disconnected("why")).Part(3).Part(2).Text(2));
        var ack = Word(s_format.Ack(ulong.MaxValue)).Part(1);
        Assert.Equal((ulong.MaxValue, 1ul), (ack.Number(1), ack.Number(2)));
        var failed = Word(s_format.Ack(3, "Forbidden", "no")).Part(1);
        Assert.Equal((3ul, "Forbidden", "no"), (failed.Number(1), failed.Part(3).Text(1), failed.Part(3).Text(2)));
        Assert.Empty(failed[2]);
    }

    private static void Bad(params (int Field, object Value)[] fields) => Assert.Throws<BadFrameException>(() => s_format.Read(Proto.Message(fields)));

    private static ILookup<int, object> Word(WebSocketMessage message) => Proto.Read(message.Data.Span);

    private static ILookup<int, object> Frame(string payload, ReadOnlyMemory<byte> metadata, long number)
    {
        var body = new ArrayBufferWriter<byte>();
        s_format.WriteBody(new(Encoding.UTF8.GetBytes(payload), isText: true, metadata.Span), body);
        var head = new byte[WebSocketProtocol.MaxHeadBytes];
        var length = s_format.WriteHead(head, number, body.WrittenCount);
        return Proto.Read([.. head.AsSpan(0, length), .. body.WrittenSpan]);
    }
}
