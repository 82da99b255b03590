using System.Net.WebSockets;
using System.Text;

namespace DistributedSockets.ClusterTests;

/// <summary>Messages of every shape, and what RFC 6455 forbids.</summary>
[Collection(SharedGroup.Name)]
public sealed class MessageTests(SharedCluster cluster)
{
    private const int MaxMessageBytes = 65_536; // the default

    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Fragmented_FromWsClient_ArrivesWhole()
    {
        await using var sender = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(groups: _group));
        await using var far = await cluster.B.ConnectAsync(groups: _group);

        await sender.SendAsync(["G", _group, "", " frag", "ments", ""]);

        await sender.ExpectAsync("fragments");
        await far.ExpectAsync("fragments");
    }

    [Fact]
    public async Task Fragmented_FromDotNetClientInTheMiddleOfACharacter_ArrivesWhole()
    {
        await using var client = await cluster.A.ConnectAsync();
        var bytes = Encoding.UTF8.GetBytes("Egrüße 🚀");
        for (var i = 0; i < bytes.Length; i++)
        {
            await client.SendAsync(bytes.AsMemory(i, 1), WebSocketMessageType.Text, i == bytes.Length - 1);
        }

        await client.ExpectAsync("grüße 🚀");
    }

    [Fact]
    public async Task Fragmented_PingBetweenFragments_IsAnsweredAtOnceAndMessageIsWhole()
    {
        await using var client = await RawClient.OpenAsync(cluster.A.Endpoint());

        await client.SendFrameAsync(RawFrame.Text, "Efirst "u8, final: false);
        await client.SendFrameAsync(RawFrame.Ping, "between"u8);
        var pong = await client.FrameAsync();
        await client.SendFrameAsync(0, "second"u8);
        var text = await client.FrameAsync();

        Assert.Equal((RawFrame.Pong, "between"), (pong.Opcode, pong.PayloadText));
        Assert.Equal((RawFrame.Text, "first second"), (text.Opcode, text.PayloadText));
    }

    [Fact]
    public async Task EmptyPayload_IsDeliveredAsEmptyMessage()
    {
        await using var sender = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(groups: _group));
        await using var far = await cluster.B.ConnectAsync(groups: _group);

        await sender.SendAsync($"G{_group} ");
        await sender.ExpectAsync("");
        await far.ExpectAsync("");
        await sender.AskAsync("E", "");
    }

    [Fact]
    public async Task EmptyAndUnknownOperations_AnswerError()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());

        foreach (var operation in new[] { "", "?", "Unospace" })
        {
            await client.SendAsync(operation);
            Assert.StartsWith("error ", await client.TextAsync(), StringComparison.Ordinal);
        }

        await client.SendBinaryAsync([1, 2, 3]);
        Assert.StartsWith("error ", await client.TextAsync(), StringComparison.Ordinal);
        await client.AskAsync("Estill here", "still here");
    }

    [Fact]
    public async Task Ignored_IsNotAnswered()
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());

        await client.SendAsync("Inothing");

        await client.AskAsync("Efence", "fence");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task MessageOfExactlyTheLimit_IsTaken(int fragments)
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());
        var text = Text(MaxMessageBytes - 1);

        await client.SendAsync(Fragments($"E{text}", fragments));

        await client.ExpectAsync(text);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public async Task MessageOneByteOverTheLimit_IsClosedWith1009(int fragments)
    {
        await using var client = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint());
        await using var witness = await cluster.A.ConnectAsync();

        await client.SendAsync(Fragments($"E{Text(MaxMessageBytes)}", fragments));

        Assert.Equal(1009, (await client.CloseEventAsync()).Code);
        await witness.AskAsync("Eunharmed", "unharmed");
    }

    [Fact]
    public async Task EveryFrameLengthForm_LocalAndRemote_ArrivesIntact()
    {
        await using var sender = await cluster.Ws.NewClient().OpenAsync(cluster.A.Endpoint(groups: _group));
        await using var far = await cluster.Ws.NewClient().OpenAsync(cluster.B.Endpoint(groups: _group));
        foreach (var length in new[] { 1, 125, 126, 127, 65_000 })
        {
            var text = Text(length);
            await sender.SendAsync($"G{_group} {text}");
            await sender.ExpectAsync(text);
            await far.ExpectAsync(text);
        }

        // Longer than a client may send, so that the longest form of a frame's length is used.
        var longest = Text(70_000);
        await cluster.A.SendAsync($"group/{_group}", longest);
        await sender.ExpectAsync(longest);
        await far.ExpectAsync(longest);
    }

    [Theory]
    [InlineData("unmasked")]
    [InlineData("reserved bit")]
    [InlineData("reserved opcode")]
    [InlineData("continuation of nothing")]
    [InlineData("fragmented ping")]
    [InlineData("long ping")]
    public async Task ForbiddenFrame_IsClosedWith1002(string kind)
    {
        await using var client = await RawClient.OpenAsync(cluster.A.Endpoint());
        await using var witness = await cluster.A.ConnectAsync();
        await (kind switch
        {
            "unmasked" => client.SendFrameAsync(RawFrame.Text, "Ehello"u8, masked: false),
            "reserved bit" => client.SendFrameAsync(RawFrame.Text, "Ehello"u8, reservedBits: 4),
            "reserved opcode" => client.SendFrameAsync(3, "Ehello"u8),
            "continuation of nothing" => client.SendFrameAsync(0, "Ehello"u8),
            "fragmented ping" => client.SendFrameAsync(RawFrame.Ping, "Ehello"u8, final: false),
            _ => client.SendFrameAsync(RawFrame.Ping, new byte[126]),
        });

        Assert.Equal(1002, await client.CloseCodeAsync());
        await witness.AskAsync("Eunharmed", "unharmed");
    }

    [Fact]
    public async Task ForbiddenFrame_ClientStaysAllTheSame_IsCut()
    {
        await using var client = await RawClient.OpenAsync(cluster.A.Endpoint());
        await client.SendFrameAsync(3, "Ehello"u8);
        Assert.Equal(1002, await client.CloseCodeAsync());

        await client.EndAsync(); // without an answer to the close frame
    }

    [Fact]
    public async Task TextThatIsNotUtf8_IsClosedWith1007()
    {
        await using var client = await RawClient.OpenAsync(cluster.A.Endpoint());

        await client.SendFrameAsync(RawFrame.Text, [(byte)'E', 0xC3, 0x28]);

        Assert.Equal(1007, await client.CloseCodeAsync());
    }

    private static string Text(int length) => string.Create(length, 0, static (span, _) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = (char)('a' + (i % 26));
        }
    });

    private static string[] Fragments(string text, int count) => [.. text.Chunk((text.Length + count - 1) / count).Select(static part => new string(part))];
}
