using System.IO.Compression;
using System.Text;
using static DistributedSockets.ClusterTests.RawFrame;

namespace DistributedSockets.ClusterTests;

/// <summary>Compressed messages (RFC 7692) that are made to do harm.</summary>
[Collection(AbusedNodesGroup.Name)]
public sealed class CompressionAbuseTests(AbusedNodes nodes)
{
    private const int First = 4; // the first reserved bit says that a message is compressed
    private const string Fence = "fence";

    private static readonly Dictionary<string, (byte[] Sent, string Answers)> s_cases = new()
    {
        ["7692 6.1 compressed text"] = (Encode(Text, Deflate("Ehello"u8), reservedBits: First), $"text hello, text {Fence}"),
        ["7692 6.1 text that is not compressed"] = (Encode(Text, "Ehello"u8), $"text hello, text {Fence}"),
        ["7692 6.1 compressed text in fragments"] = (
            [.. Encode(Text, Deflate("Ehello"u8)[..3], final: false, reservedBits: First), .. Encode(Continuation, Deflate("Ehello"u8)[3..])], $"text hello, text {Fence}"),
        ["7692 6.1 bit of a continuation"] = (
            [.. Encode(Text, Deflate("Ehello"u8)[..3], final: false, reservedBits: First), .. Encode(Continuation, Deflate("Ehello"u8)[3..], reservedBits: First)], "close 1002"),

        // No control frame may be compressed; .NET does not look at the bit, and takes the payload as it is.
        ["7692 6.1 bit of a ping"] = (Encode(Ping, "hello"u8, reservedBits: First), $"pong hello, text {Fence}"),
        ["7692 6.1 bit of a pong"] = (Encode(Pong, "hello"u8, reservedBits: First), $"text {Fence}"),
        ["7692 6.1 bit of a close"] = (Encode(Close, [3, 232], reservedBits: First), "close 1000"),
        ["7692 6.1 bit of an empty ping within a message"] = (
            [
                .. Encode(Text, Deflate("Ehello"u8)[..3], final: false, reservedBits: First),
                .. Encode(Ping, [], reservedBits: First),
                .. Encode(Continuation, Deflate("Ehello"u8)[3..]),
            ],
            "pong , close 1007"),
        ["6455 5.2 second bit"] = (Encode(Text, Deflate("Ehello"u8), reservedBits: 2), "close 1002"),
        ["6455 5.2 first and third bit"] = (Encode(Text, Deflate("Ehello"u8), reservedBits: First | 1), "close 1002"),
        ["6455 8.1 compressed text that is not UTF-8"] = (Encode(Text, Deflate([(byte)'E', 0xC3, 0x28]), reservedBits: First), "close 1007"),
        ["6455 8.1 compressed text that ends within a character"] = (Encode(Text, Deflate([(byte)'E', 0xE2, 0x82]), reservedBits: First), "close 1007"),
        ["7692 7.2.2 no bytes at all, which is an empty message"] = (
            Encode(Text, [], reservedBits: First), $"text error ? An operation is a text message of at least one character., text {Fence}"),
        ["7692 7.2.2 block of a type that there is not"] = (Encode(Text, [0b110, 0, 0, 0], reservedBits: First), "close 1007"),
        ["7692 7.2.2 stored block whose lengths differ"] = (Encode(Text, [0, 5, 0, 0, 0, 1, 2, 3, 4, 5], reservedBits: First), "close 1007"),
        ["7692 7.2.2 distance before the start"] = (Encode(Text, [0x4A, 0x04, 0x62, 0x00, 0x00], reservedBits: First), "close 1007"),
        ["7692 7.2.2 noise"] = (Encode(Text, Noise(1_000), reservedBits: First), "close 1007"),
        ["7692 7.2.2 noise in fragments"] = (
            [.. Encode(Text, Noise(1_000), final: false, reservedBits: First), .. Encode(Continuation, Noise(1_000))], "close 1007"),
        ["7692 7.2.2 noise, binary"] = (Encode(Binary, Noise(1_000), reservedBits: First), "close 1007"),
        ["7692 7.2.2 message cut short"] = (Encode(Text, Deflate(Encoding.UTF8.GetBytes($"E{new string('x', 500)}yz"))[..3], reservedBits: First), "close 1007"),
        ["7692 7.2.2 noise after a good message"] = (
            [.. Encode(Text, Deflate("Ehello"u8), reservedBits: First), .. Encode(Text, Noise(1_000), reservedBits: First)], "text hello, close 1007"),
    };

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public async Task BadData_IsAnsweredByTheBook_AndTheNextClientIsServed(string name)
    {
        var (sent, answers) = s_cases[name];
        await using var client = await OpenAsync();
        await client.SendBytesAsync((byte[])[.. sent, .. Encode(Text, "Efence"u8)]);

        Assert.Equal(answers, await client.AnswersAsync(Fence));

        await AssertNextIsServedAsync();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1_000)]
    public async Task Bomb_IsClosedWith1009BeforeItIsInflated(int fragments)
    {
        var bomb = Bomb(megabytes: 256);
        var before = await nodes.Compressing.AllocatedAsync();
        await using var client = await OpenAsync();
        var parts = bomb.Chunk((bomb.Length + fragments - 1) / fragments).ToArray();
        for (var i = 0; i < parts.Length; i++)
        {
            await client.SendFrameAsync(i == 0 ? Text : Continuation, parts[i], final: i == parts.Length - 1, reservedBits: i == 0 ? First : 0);
        }

        Assert.Equal("close 1009", await client.AnswersAsync(Fence));

        await client.SendFrameAsync(Close, [3, 232]);
        await client.EndAsync();
        var allocated = await nodes.Compressing.AllocatedAsync() - before;
        Assert.True(allocated < 8 << 20, $"{allocated:N0} bytes were allocated.");
        await AssertNextIsServedAsync();
    }

    private Task<RawClient> OpenAsync() =>
        RawClient.ConnectAsync(nodes.Compressing.Endpoint(), [("Sec-WebSocket-Extensions", "permessage-deflate; client_no_context_takeover")]);

    private async Task AssertNextIsServedAsync()
    {
        await using var next = await OpenAsync();
        await next.SendFrameAsync(Text, Deflate("Efence"u8), reservedBits: First);
        Assert.Equal($"text {Fence}", await next.AnswersAsync(Fence));
    }

    /// <summary>A message of so many megabytes of the letter a, compressed.</summary>
    private static byte[] Bomb(int megabytes)
    {
        var megabyte = new byte[1 << 20];
        megabyte.AsSpan().Fill((byte)'a');
        return Deflate(stream =>
        {
            for (var i = 0; i < megabytes; i++)
            {
                stream.Write(megabyte);
            }
        });
    }

    private static byte[] Deflate(ReadOnlySpan<byte> payload)
    {
        var copy = payload.ToArray();
        return Deflate(stream => stream.Write(copy));
    }

    /// <summary>What RFC 7692 section 7.2.1 makes of a payload: a flushed stream without the four bytes at its end.</summary>
    private static byte[] Deflate(Action<Stream> write)
    {
        var output = new MemoryStream();
        using var deflate = new DeflateStream(output, CompressionLevel.Optimal);
        write(deflate);
        deflate.Flush();
        return output.ToArray()[..^4];
    }

    private static byte[] Noise(int length)
    {
        var noise = new byte[length];
        new Random(1).NextBytes(noise);
        return noise;
    }
}
