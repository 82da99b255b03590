using System.Text;

namespace DistributedSockets.WebPubSub.Tests.Frames;

public sealed class JsonRequestReaderTests
{
    public static TheoryData<string> BadFrames =>
    [
        "", " ", "x", "[]", "1", "null", "\"ping\"", "{}", "{", "{\"type\"", "{\"type\":\"ping\"", "{\"type\":\"ping\"}x", "{\"type\":\"ping\"}{}",
        """{"type":"unknown"}""", """{"type":1}""", """{"type":null}""", """{"type":"Ping"}""", """{"type":"ping","type":"ping"}""",
        """{"type":"joinGroup"}""", """{"type":"joinGroup","group":null}""", """{"type":"joinGroup","group":1}""", """{"type":"joinGroup","group":""}""",
        """{"type":"joinGroup","group":" \t\u00a0"}""", """{"type":"joinGroup","group":"\ud800"}""", """{"type":"joinGroup","group":"g","ackId":-1}""",
        """{"type":"joinGroup","group":"g","ackId":1.5}""", """{"type":"joinGroup","group":"g","ackId":"1"}""",
        """{"type":"joinGroup","group":"g","ackId":18446744073709551616}""", """{"type":"leaveGroup","ackId":1}""",
        """{"type":"sendToGroup","group":"g"}""", """{"type":"sendToGroup","data":1}""", """{"type":"sendToGroup","group":"g","data":null}""",
        """{"type":"sendToGroup","group":"g","dataType":"xml","data":""}""", """{"type":"sendToGroup","group":"g","dataType":"text","data":1}""",
        """{"type":"sendToGroup","group":"g","dataType":"binary","data":"?"}""", """{"type":"sendToGroup","group":"g","dataType":"binary","data":{}}""",
        """{"type":"sendToGroup","group":"g","dataType":"protobuf","data":"/w=="}""", """{"type":"sendToGroup","group":"g","data":1,"noEcho":1}""",
        """{"type":"sendToGroup","group":"g","data":1,"ttlSeconds":301}""", """{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":1}}""",
        """{"type":"sendToGroup","group":"g","data":1,"metadata":{"a b":"c"}}""", """{"type":"sendToGroup","group":"g","data":1,"metadata":{"a":"ä"}}""",
        """{"type":"sendToGroup","group":"g","data":1,"metadata":[]}""", """{"type":"sendToGroup","group":"g","data":{"a":}}""",
        """{"type":"event","data":1}""", """{"type":"event","event":"","data":1}""", """{"type":"event","event":"1a","data":1}""",
        """{"type":"event","event":"a b","data":1}""", """{"type":"event","event":"e"}""", """{"type":"sequenceAck"}""", """{"type":"sequenceAck","sequenceId":"1"}""",
        """{"type":"invoke","invocationId":"1","event":"e"}""", """{"type":"invoke","invocationId":"1","target":"group","event":"e"}""",
        """{"type":"invoke","target":"event","event":"e"}""", """{"type":"invoke","invocationId":"","target":"event","event":"e"}""",
        """{"type":"cancelInvocation"}""", $$"""{"type":"joinGroup","group":"{{new string('g', 1025)}}"}""", $$"""{"type":"event","event":"{{new string('e', 129)}}","data":1}""",
        $$"""{"type":"ping","x":{{new string('[', 600)}}{{new string(']', 600)}}}""", $$$"""{"type":"event","event":"e","data":1,"metadata":{"a":"{{{new string('v', 1025)}}}"}}""",
    ];

    [Theory]
    [MemberData(nameof(BadFrames))]
    public void Frame_ThatIsNone_IsRefused(string frame) => Assert.Throws<BadFrameException>(() => Read(frame));

    [Theory]
    [InlineData("""{"type":"ping"}""", "Ping")]
    [InlineData("""{"event":5,"group":[],"type":"ping"}""", "Ping")] // of no concern to a ping
    [InlineData(""" { "type" : "sequenceAck" , "sequenceId" : 5 } """, "SequenceAck")]
    [InlineData("""{"type":"cancelInvocation","invocationId":"a"}""", "CancelInvocation")]
    [InlineData("""{"type":"joinGroup","group":"g","unknown":{"a":[1]}}""", "JoinGroup")]
    [InlineData("""{"\u0074ype":"leave\u0047roup","group":"g"}""", "LeaveGroup")]
    public void Frame_OfAKind_IsRead(string frame, string kind) => Assert.Equal(kind, $"{Read(frame).Kind}");

    [Fact]
    public void AckId_Of64Bits_IsReadExactly() => Assert.Equal(ulong.MaxValue, Read("""{"ackId":18446744073709551615,"group":"g","type":"joinGroup"}""").AckId);

    [Fact]
    public void AckId_ThatIsNullOrMissing_IsNone()
    {
        Assert.Null(Read("""{"group":"g","type":"joinGroup","ackId":null}""").AckId);
        Assert.Null(Read("""{"group":"g","type":"joinGroup"}""").AckId);
    }

    [Theory]
    [InlineData("1.50e+3")]
    [InlineData("0")]
    [InlineData("false")]
    [InlineData("[]")]
    [InlineData("\"\"")]
    [InlineData("""{ "a" : [ 1 , "\u00e4" ], "a": 9007199254740993.10 }""")]
    public void JsonData_OfAnyForm_IsPassedOnAsItWasWritten(string json)
    {
        foreach (var type in new[] { "\"dataType\":\"json\",", "" })
        {
            var request = Read($$"""{"type":"sendToGroup","group":"g","data":{{json}},{{type}}"noEcho":true}""");

            Assert.Equal((WebPubSubDataType.Json, json, true), (request.DataType, Encoding.UTF8.GetString(request.Data.Span), request.NoEcho));
        }
    }

    [Theory]
    [InlineData("text", "\"\"", "")]
    [InlineData("text", "\"plain\"", "plain")]
    [InlineData("text", "\"a\\u00e4\\n\\uD83D\\uDE42\\\"\"", "aä\n🙂\"")]
    [InlineData("binary", "\"\"", "")]
    [InlineData("binary", "\"YWJj\"", "abc")]
    [InlineData("binary", "\"YWI\\u003d\"", "ab")]
    [InlineData("protobuf", "\"\"", "")]
    public void Data_OfATextOrBytes_IsDecoded(string type, string data, string expected) =>
        Assert.Equal(expected, Encoding.UTF8.GetString(Read($$"""{"type":"event","event":"e","dataType":"{{type}}","data":{{data}}}""").Data.Span));

    [Fact]
    public void SendToGroup_WithTimeAndMetadata_HasBoth()
    {
        var request = Read("""{"type":"sendToGroup","group":"g","data":1,"ttlSeconds":300,"metadata":{"k-1":"v 1","k2":""}}""");

        Assert.Equal(TimeSpan.FromMinutes(5), request.TimeToLive);
        Assert.Equal([new("k-1", "v 1"), new("k2", "")], request.Metadata!);
        Assert.Null(Read("""{"type":"sendToGroup","group":"g","data":1,"ttlSeconds":0}""").TimeToLive);
    }

    [Fact]
    public void Invocation_WithoutData_IsRead()
    {
        var request = Read("""{"type":"invoke","invocationId":"7","target":"event","event":"e"}""");

        Assert.Equal((ClientRequestKind.Invoke, "7", "e", 0), (request.Kind, request.InvocationId, request.Event, request.Data.Length));
    }

    [Fact]
    public void Group_With1024Characters_IsTaken() => Assert.Equal(1024, Read($$"""{"type":"joinGroup","group":"{{new string('ä', 1024)}}"}""").Group!.Length);

    [Fact]
    public void Frames_OfRandomBytes_AreReadOrRefused()
    {
        var random = new Random(4711);
        var seeds = new[]
        {
            """{"type":"sendToGroup","group":"g","dataType":"text","data":"abc","ackId":1,"noEcho":true,"ttlSeconds":5,"metadata":{"a":"b"}}""",
            """{"type":"event","event":"e","dataType":"binary","data":"YWJj","ackId":18446744073709551615}""",
            """{"type":"invoke","invocationId":"7","target":"event","event":"e","data":{"a":[1,2,{"b":null}]}}""",
        };
        for (var i = 0; i < 20_000; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(seeds[i % seeds.Length]);
            for (var changes = random.Next(1, 5); changes > 0; changes--)
            {
                bytes[random.Next(bytes.Length)] = (byte)random.Next(256);
            }

            try
            {
                JsonRequestReader.Read(bytes.AsMemory(0, random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length)));
            }
            catch (BadFrameException)
            {
                // As it should be; anything else fails the test.
            }
        }
    }

    private static ClientRequest Read(string frame) => JsonRequestReader.Read(Encoding.UTF8.GetBytes(frame));
}
