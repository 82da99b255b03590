using System.Text;
using static DistributedSockets.ClusterTests.RawFrame;

namespace DistributedSockets.ClusterTests;

/// <summary>RFC 6455 sections 5, 7 and 8, case by case: what a client may send, what it may not, and how it is told.</summary>
/// <remarks>The node echoes what follows an <c>E</c>. A case that ends without a close frame of the node is proven to by the echo of a last message.</remarks>
[Collection(AbusedNodesGroup.Name)]
public sealed class ProtocolAbuseTests(AbusedNodes nodes)
{
    private const string Fence = "fence";
    private const string Closed1002 = "close 1002";
    private const string Closed1007 = "close 1007";

    private static readonly byte[] s_hello = Encode(Text, "Ehello"u8);

    private static readonly Dictionary<string, (byte[] Sent, string Answers)> s_cases = new()
    {
        ["5.1 text without a mask"] = (Encode(Text, "Ehello"u8, masked: false), Closed1002),
        ["5.1 binary without a mask"] = (Encode(Binary, "Ehello"u8, masked: false), Closed1002),
        ["5.1 continuation without a mask"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8, masked: false)], Closed1002),
        ["5.1 ping without a mask"] = (Encode(Ping, "hello"u8, masked: false), Closed1002),
        ["5.1 pong without a mask"] = (Encode(Pong, "hello"u8, masked: false), Closed1002),
        ["5.1 close without a mask"] = (Encode(Close, [3, 232], masked: false), Closed1002),
        ["5.1 empty text without a mask"] = (Encode(Text, [], masked: false), Closed1002),

        ["5.2 first reserved bit"] = (Encode(Text, "Ehello"u8, reservedBits: 4), Closed1002),
        ["5.2 second reserved bit"] = (Encode(Text, "Ehello"u8, reservedBits: 2), Closed1002),
        ["5.2 third reserved bit"] = (Encode(Text, "Ehello"u8, reservedBits: 1), Closed1002),
        ["5.2 all reserved bits"] = (Encode(Text, "Ehello"u8, reservedBits: 7), Closed1002),
        ["5.2 reserved bit of binary"] = (Encode(Binary, "Ehello"u8, reservedBits: 4), Closed1002),
        ["5.2 reserved bit of a continuation"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8, reservedBits: 2)], Closed1002),
        ["5.2 reserved bit of a ping"] = (Encode(Ping, "hello"u8, reservedBits: 4), Closed1002),
        ["5.2 reserved bit of a pong"] = (Encode(Pong, "hello"u8, reservedBits: 1), Closed1002),
        ["5.2 reserved bit of a close"] = (Encode(Close, [3, 232], reservedBits: 4), Closed1002),
        ["5.2 reserved bit after a good message"] = ([.. s_hello, .. Encode(Text, "Ehello"u8, reservedBits: 4)], $"text hello, {Closed1002}"),

        ["5.2 opcode 3"] = (Encode(3, "Ehello"u8), Closed1002),
        ["5.2 opcode 4"] = (Encode(4, "Ehello"u8), Closed1002),
        ["5.2 opcode 5"] = (Encode(5, "Ehello"u8), Closed1002),
        ["5.2 opcode 6"] = (Encode(6, "Ehello"u8), Closed1002),
        ["5.2 opcode 7"] = (Encode(7, "Ehello"u8), Closed1002),
        ["5.2 opcode 11"] = (Encode(11, "Ehello"u8), Closed1002),
        ["5.2 opcode 12"] = (Encode(12, "Ehello"u8), Closed1002),
        ["5.2 opcode 13"] = (Encode(13, "Ehello"u8), Closed1002),
        ["5.2 opcode 14"] = (Encode(14, "Ehello"u8), Closed1002),
        ["5.2 opcode 15"] = (Encode(15, "Ehello"u8), Closed1002),
        ["5.2 opcode 3 without a payload"] = (Encode(3, []), Closed1002),
        ["5.2 opcode 11 within a message"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(11, [])], Closed1002),
        ["5.2 opcode 15 after a good message"] = ([.. s_hello, .. Encode(15, [])], $"text hello, {Closed1002}"),

        ["5.2 length of 126 in two bytes"] = (Encode(Text, Echo(126)), $"text {Letters(125)}, text {Fence}"),
        ["5.2 length of 65,535 in two bytes"] = (Encode(Text, Echo(65_535)), $"text {Letters(65_534)}, text {Fence}"),
        ["5.2 length of 65,536 in eight bytes"] = (Encode(Text, Echo(65_536)), $"text {Letters(65_535)}, text {Fence}"),
        // A client must take as few bytes as it can; .NET is lenient, which costs a few bytes and nothing else.
        ["5.2 length of 6 in two bytes, not the least"] = (Encode(Text, "Ehello"u8, lengthBytes: 2), $"text hello, text {Fence}"),
        ["5.2 length of 6 in eight bytes, not the least"] = (Encode(Text, "Ehello"u8, lengthBytes: 8), $"text hello, text {Fence}"),
        ["5.2 length of 65,535 in eight bytes, not the least"] = (Encode(Text, Echo(65_535), lengthBytes: 8), $"text {Letters(65_534)}, text {Fence}"),
        ["5.2 length of 1 in eight bytes, not the least"] = (Encode(Text, "E"u8, lengthBytes: 8), $"text , text {Fence}"),
        ["5.2 length with the highest bit"] = (Encode(Text, "Ehello"u8, length: 1UL << 63, lengthBytes: 8), Closed1002),
        ["5.2 length of 2^64-1"] = (Encode(Text, "Ehello"u8, length: ulong.MaxValue, lengthBytes: 8), Closed1002),
        ["5.2 length of 2^63-1"] = (Encode(Text, Echo(70_000), length: long.MaxValue, lengthBytes: 8), "close 1009"),
        ["5.2 length of 2^63-1 of a continuation"] = (
            [.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, Echo(70_000), length: long.MaxValue, lengthBytes: 8)], "close 1009"),
        ["5.2 length of -1 of a continuation"] = (
            [.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8, length: ulong.MaxValue, lengthBytes: 8)], Closed1002),

        ["5.4 message in two fragments"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8)], $"text hello, text {Fence}"),
        ["5.4 message in three fragments"] = (
            [.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "l"u8, final: false), .. Encode(Continuation, "lo"u8)], $"text hello, text {Fence}"),
        ["5.4 message in empty fragments"] = (
            [.. Encode(Text, [], final: false), .. Encode(Continuation, "Ehello"u8, final: false), .. Encode(Continuation, [])], $"text hello, text {Fence}"),
        ["5.4 continuation of nothing"] = (Encode(Continuation, "Ehello"u8), Closed1002),
        ["5.4 continuation of nothing, not final"] = (Encode(Continuation, "Ehello"u8, final: false), Closed1002),
        ["5.4 continuation of nothing, empty"] = (Encode(Continuation, []), Closed1002),
        ["5.4 continuation of a whole message"] = ([.. s_hello, .. Encode(Continuation, "more"u8)], $"text hello, {Closed1002}"),
        ["5.4 continuation of a message that has ended"] = (
            [.. Encode(Text, "Ehe"u8, final: false), .. Encode(Continuation, "llo"u8), .. Encode(Continuation, "more"u8)], $"text hello, {Closed1002}"),
        ["5.4 text within a message"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Text, "llo"u8)], Closed1002),
        ["5.4 binary within a message"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Binary, "llo"u8)], Closed1002),
        ["5.4 text not final within a message"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Text, "llo"u8, final: false)], Closed1002),
        ["5.4 ping and pong within a message"] = (
            [.. Encode(Text, "Ehe"u8, final: false), .. Encode(Ping, "a"u8), .. Encode(Pong, "b"u8), .. Encode(Continuation, "llo"u8)],
            $"pong a, text hello, text {Fence}"),
        ["5.4 close within a message"] = ([.. Encode(Text, "Ehe"u8, final: false), .. Encode(Close, [3, 232])], "close 1000"),

        ["5.5 ping of 125 bytes"] = (Encode(Ping, Echo(125)), $"pong E{Letters(124)}, text {Fence}"),
        ["5.5 ping of 126 bytes"] = (Encode(Ping, Echo(126)), Closed1002),
        ["5.5 pong of 126 bytes"] = (Encode(Pong, Echo(126)), Closed1002),
        ["5.5 close of 126 bytes"] = (Encode(Close, [3, 232, .. Echo(124)]), Closed1002),
        ["5.5 ping of 65,536 bytes"] = (Encode(Ping, Echo(65_536)), Closed1002),
        ["5.5 ping of 2^63-1 bytes"] = (Encode(Ping, [], length: long.MaxValue, lengthBytes: 8), Closed1002),
        ["5.5 ping of 5 bytes, said in two bytes"] = (Encode(Ping, "hello"u8, lengthBytes: 2), $"pong hello, text {Fence}"),
        ["5.5 ping that is not final"] = (Encode(Ping, "hello"u8, final: false), Closed1002),
        ["5.5 pong that is not final"] = (Encode(Pong, "hello"u8, final: false), Closed1002),
        ["5.5 close that is not final"] = (Encode(Close, [3, 232], final: false), Closed1002),
        ["5.5.2 empty ping"] = (Encode(Ping, []), $"pong , text {Fence}"),
        ["5.5.2 two pings"] = ([.. Encode(Ping, "a"u8), .. Encode(Ping, "b"u8)], $"pong a, pong b, text {Fence}"),
        ["5.5.3 pong that nobody asked for"] = (Encode(Pong, "hello"u8), $"text {Fence}"),

        ["5.6 empty binary"] = (Encode(Binary, []), $"text error ? An operation is a text message of at least one character., text {Fence}"),
        ["5.6 binary that is not UTF-8"] = (Encode(Binary, [0xFF]), $"text error ? An operation is a text message of at least one character., text {Fence}"),

        ["7.1.5 close without a code"] = (Encode(Close, []), "close 1000"),
        ["7.1.5 close with a reason of 123 bytes"] = (Encode(Close, [3, 232, .. Echo(123)]), "close 1000"),
        ["7.1.5 close of one byte"] = (Encode(Close, [3]), Closed1002),
        ["7.1.5 message after a close"] = ([.. Encode(Close, [3, 232]), .. s_hello], "close 1000"),
        ["7.1.5 ping after a close"] = ([.. Encode(Close, [3, 232]), .. Encode(Ping, [])], "close 1000"),
        ["7.1.5 second close"] = ([.. Encode(Close, [3, 232]), .. Encode(Close, [3, 233])], "close 1000"),
        ["7.1.5 forbidden frame after a close"] = ([.. Encode(Close, [3, 232]), .. Encode(15, [])], "close 1000"),
        ["7.1.5 close after good messages"] = ([.. s_hello, .. s_hello, .. Encode(Close, [3, 232])], "text hello, text hello, close 1000"),
        ["7.1.6 reason that is not UTF-8"] = (Encode(Close, [3, 232, 0xC3, 0x28]), Closed1002),
        ["7.1.6 reason that ends within a character"] = (Encode(Close, [3, 232, 0xE2, 0x82]), Closed1002),
        ["7.1.6 reason with half a surrogate pair"] = (Encode(Close, [3, 232, 0xED, 0xA0, 0x80]), Closed1002),

        ["8.1 text of every length of character"] = (Encode(Text, "Eaü€🚀"u8), $"text aü€🚀, text {Fence}"),
        ["8.1 text of the edges"] = (
            Encode(Text, "E\0\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFEFF\uFFFE\uFFFF\U00010000\U0010FFFF"u8),
            $"text \0\u007F\u0080\u07FF\u0800\uD7FF\uE000\uFEFF\uFFFE\uFFFF\U00010000\U0010FFFF, text {Fence}"),
        ["8.1 character split over fragments"] = (
            [.. Encode(Text, [(byte)'E', 0xF0], final: false), .. Encode(Continuation, [0x9F, 0x9A], final: false), .. Encode(Continuation, [0x80])], $"text 🚀, text {Fence}"),
        ["8.1 lone continuation byte"] = (Bad(0x80), Closed1007),
        ["8.1 lone first byte of two"] = (Bad(0xC3, 0x28), Closed1007),
        ["8.1 byte that never occurs, C0"] = (Bad(0xC0), Closed1007),
        ["8.1 byte that never occurs, F5"] = (Bad(0xF5, 0x80, 0x80, 0x80), Closed1007),
        ["8.1 byte that never occurs, FE"] = (Bad(0xFE), Closed1007),
        ["8.1 byte that never occurs, FF"] = (Bad(0xFF), Closed1007),
        ["8.1 overlong slash of two bytes"] = (Bad(0xC0, 0xAF), Closed1007),
        ["8.1 overlong slash of three bytes"] = (Bad(0xE0, 0x80, 0xAF), Closed1007),
        ["8.1 overlong slash of four bytes"] = (Bad(0xF0, 0x80, 0x80, 0xAF), Closed1007),
        ["8.1 overlong zero"] = (Bad(0xC0, 0x80), Closed1007),
        ["8.1 sequence of five bytes"] = (Bad(0xF8, 0x88, 0x80, 0x80, 0x80), Closed1007),
        ["8.1 first surrogate"] = (Bad(0xED, 0xA0, 0x80), Closed1007),
        ["8.1 last surrogate"] = (Bad(0xED, 0xBF, 0xBF), Closed1007),
        ["8.1 pair of surrogates"] = (Bad(0xED, 0xA0, 0x80, 0xED, 0xB0, 0x80), Closed1007),
        ["8.1 above U+10FFFF"] = (Bad(0xF4, 0x90, 0x80, 0x80), Closed1007),
        ["8.1 end within a character of two"] = (Bad(0xC3), Closed1007),
        ["8.1 end within a character of three"] = (Bad(0xE2, 0x82), Closed1007),
        ["8.1 end within a character of four"] = (Bad(0xF0, 0x9F, 0x9A), Closed1007),
        ["8.1 bad byte in the last fragment"] = ([.. Encode(Text, [(byte)'E', 0xE2], final: false), .. Encode(Continuation, [0x28, 0xA1])], Closed1007),
        ["8.1 bad byte in the first of two fragments"] = ([.. Encode(Text, [(byte)'E', 0xFF], final: false), .. Encode(Continuation, "more"u8)], Closed1007),
        ["8.1 character that an empty last fragment cuts off"] = ([.. Encode(Text, [(byte)'E', 0xE2, 0x82], final: false), .. Encode(Continuation, [])], Closed1007),
        ["8.1 bad text after a good one"] = ([.. s_hello, .. Bad(0xC3, 0x28)], $"text hello, {Closed1007}"),
    };

    static ProtocolAbuseTests()
    {
        foreach (var code in new[] { 1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999 })
        {
            s_cases.Add($"7.4 code {code} of a client", (Encode(Close, [(byte)(code >> 8), (byte)code]), $"close {code}"));
        }

        foreach (var code in new[] { 0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535 })
        {
            s_cases.Add($"7.4 code {code}, which no client may send", (Encode(Close, [(byte)(code >> 8), (byte)code]), Closed1002));
        }
    }

    public static TheoryData<string> Names => [.. s_cases.Keys];

    [Theory]
    [MemberData(nameof(Names))]
    public Task Http11_IsAnsweredByTheBook_AndTheNextClientIsServed(string name) =>
        TestAsync(name, () => RawClient.ConnectAsync(nodes.Http11.Endpoint()));

    [Theory]
    [MemberData(nameof(Names))]
    public Task Http2_IsAnsweredByTheBook_AndTheNextClientIsServed(string name) =>
        TestAsync(name, () => RawClient.OpenHttp2Async(nodes.Http2.Endpoint()));

    private static async Task TestAsync(string name, Func<Task<RawClient>> open)
    {
        var (sent, answers) = s_cases[name];
        await using var client = await open();
        await client.SendBytesAsync((byte[])[.. sent, .. Encode(Text, "Efence"u8)]);

        Assert.Equal(answers, await client.AnswersAsync(Fence));

        await using var next = await open();
        await next.SendFrameAsync(Text, "Efence"u8);
        Assert.Equal($"text {Fence}", await next.AnswersAsync(Fence));
    }

    private static byte[] Bad(params byte[] bytes) => Encode(Text, [(byte)'E', .. bytes]);

    /// <summary>An E and letters, so many bytes in all.</summary>
    private static byte[] Echo(int length) => Encoding.ASCII.GetBytes($"E{Letters(length - 1)}");

    private static string Letters(int length) => string.Create(length, 0, static (span, _) =>
    {
        for (var i = 0; i < span.Length; i++)
        {
            span[i] = (char)('a' + (i % 26));
        }
    });
}
