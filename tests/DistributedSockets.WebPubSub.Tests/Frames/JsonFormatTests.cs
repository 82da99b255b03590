using System.Buffers;
using System.Text;
using System.Text.Json.Nodes;

namespace DistributedSockets.WebPubSub.Tests.Frames;

public sealed class JsonFormatTests
{
    [Theory]
    [InlineData(WebPubSubDataType.Json, """{ "a" : 1.50 }""", "json", """{ "a" : 1.50 }""")]
    [InlineData(WebPubSubDataType.Text, "a\"ä\n\u0001🙂</script>", "text", "\"a\\\"ä\\n\\u0001\\uD83D\\uDE42</script>\"")]
    [InlineData(WebPubSubDataType.Text, "", "text", "\"\"")]
    [InlineData(WebPubSubDataType.Binary, "abc", "binary", "\"YWJj\"")]
    [InlineData(WebPubSubDataType.Protobuf, "abc", "protobuf", "\"YWJj\"")]
    public void DataFrame_OfAGroup_HasAllThatBelongsToIt(WebPubSubDataType type, string data, string dataType, string expected)
    {
        var metadata = new MessageMetadata { Group = "g\"1", DataType = type, FromUserId = "alice" };

        Assert.Equal(
            $$"""{"sequenceId":9007199254740993,"type":"message","from":"group","group":"g\"1","dataType":"{{dataType}}","data":{{expected}},"fromUserId":"alice"}""",
            Frame(data, metadata.Write(), 9_007_199_254_740_993));
        Assert.Equal(
            $$"""{"type":"message","from":"group","group":"g\"1","dataType":"{{dataType}}","data":{{expected}},"fromUserId":"alice"}""", Frame(data, metadata.Write(), 0));
    }

    [Fact]
    public void DataFrame_WithPairs_HasThemAsMetadata()
    {
        var metadata = new MessageMetadata { DataType = WebPubSubDataType.Json, Pairs = new Dictionary<string, string> { ["a"] = "1", ["b"] = "\"" } };

        Assert.Equal("""{"type":"message","from":"server","dataType":"json","data":0,"metadata":{"a":"1","b":"\""}}""", Frame("0", metadata.Write(), 0));
    }

    [Theory]
    [InlineData(true, """{"type":"message","from":"server","dataType":"text","data":"hi"}""")]
    [InlineData(false, """{"type":"message","from":"server","dataType":"binary","data":"aGk="}""")]
    public void DataFrame_OfTheAppsRouter_IsOfTheServer(bool isText, string expected) => Assert.Equal(expected, Frame("hi", default, 0, isText));

    [Fact]
    public void DataFrame_OfALongTextThatIsEscaped_IsWhole()
    {
        var text = string.Concat(Enumerable.Repeat("🙂\u0001ä\"", 5_000));

        var frame = JsonNode.Parse(Frame(text, new MessageMetadata { DataType = WebPubSubDataType.Text }.Write(), 0))!;

        Assert.Equal(text, (string?)frame["data"]);
    }

    [Fact]
    public void Head_OfTheLargestNumber_HasRoom() => Assert.InRange(JsonFormat.Instance.WriteHead(new byte[WebSocketProtocol.MaxHeadBytes], long.MaxValue, 0), 1, 64);

    [Fact]
    public void Words_OfTheServer_AreThoseOfTheProtocol()
    {
        var json = JsonFormat.Instance;

        Assert.Equal("""{"type":"pong"}""", json.Pong.GetText());
        Assert.Equal("""{"type":"system","event":"connected","connectionId":"c","userId":"u\"","reconnectionToken":"t"}""", json.Connected("c", "u\"", "t").GetText());
        Assert.Equal("""{"type":"system","event":"connected","connectionId":"c"}""", json.Connected("c", null, null).GetText());
        Assert.Equal("""{"type":"system","event":"disconnected","message":"why"}""", json.Disconnected("why").GetText());
        Assert.Equal("""{"type":"ack","ackId":18446744073709551615,"success":true}""", json.Ack(ulong.MaxValue).GetText());
        Assert.Equal("""{"type":"ack","ackId":0,"success":false,"error":{"name":"Forbidden","message":"no"}}""", json.Ack(0, "Forbidden", "no").GetText());
        Assert.Equal("""{"type":"invokeResponse","invocationId":"i","success":true}""", json.InvokeResponse("i", null)!.Value.GetText());
        Assert.Equal(
            """{"type":"invokeResponse","invocationId":"i","success":true,"dataType":"json","data":[1]}""",
            json.InvokeResponse("i", new(WebPubSubDataType.Json, "[1]"u8.ToArray()))!.Value.GetText());
        Assert.Equal(
            """{"type":"invokeResponse","invocationId":"i","success":false,"error":{"name":"n","message":"m"}}""", json.InvokeFailure("i", "n", "m")!.Value.GetText());
    }

    [Fact]
    public void Metadata_CutShort_IsReadWithoutFailing()
    {
        var metadata = new MessageMetadata { Group = "group", FromUserId = "user", Pairs = new Dictionary<string, string> { ["a"] = "b" } }.Write();

        for (var length = 0; length <= metadata.Length; length++)
        {
            _ = Frame("\"x\"", metadata[..length], 1);
        }
    }

    private static string Frame(string payload, ReadOnlyMemory<byte> metadata, long number, bool isText = true)
    {
        var body = new ArrayBufferWriter<byte>();
        JsonFormat.Instance.WriteBody(new(Encoding.UTF8.GetBytes(payload), isText, metadata.Span), body);
        var head = new byte[WebSocketProtocol.MaxHeadBytes];
        var length = JsonFormat.Instance.WriteHead(head, number, body.WrittenCount);
        return Encoding.UTF8.GetString([.. head.AsSpan(0, length), .. body.WrittenSpan]);
    }
}
