using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;

namespace DistributedSockets.ClusterTests;

/// <summary>The subprotocol <c>resume.v1.distributedsockets</c> on real sockets.</summary>
public sealed class ResumeSocketTests(ResumingNodes nodes) : IClassFixture<ResumingNodes>
{
    private const string Deflate = "permessage-deflate; client_max_window_bits";

    private readonly string _group = SharedCluster.Unique("group");

    [Fact]
    public async Task Session_ConnectionsResetAgainAndAgain_HasEveryMessageOnceInOrder()
    {
        await using var first = await ResumeClient.BeginAsync(Endpoint(nodes.A));
        var client = first;
        await IsReadyAsync(client);
        var sent = 0;
        var received = new List<string>();
        for (var round = 0; round < 8; round++)
        {
            await SendAsync(10);
            while (received.Count < sent - 4) // the last ones are on their way when the connection breaks
            {
                await ReceiveAsync();
            }

            if (round % 2 == 0)
            {
                await client.SendAsync($"a {received.Count - 3}\n");
            }

            client.Reset();
            await SendAsync(5);
            client = await client.ResumeAsync(Endpoint(round % 3 == 0 ? nodes.B : nodes.A), received.Count);
            Assert.Equal(first.SessionId, client.SessionId);
            Assert.InRange(client.Known, 0, received.Count);
        }

        while (received.Count < sent)
        {
            await ReceiveAsync();
        }

        Assert.Equal(Enumerable.Range(1, sent).Select(Expected), received);
        await client.SendAsync("u\nEnothing behind it");
        await client.ExpectAsync("u\nnothing behind it");
        await client.DisposeAsync();

        async Task SendAsync(int count)
        {
            for (var i = 0; i < count; i++)
            {
                var node = ++sent % 2 == 0 ? nodes.A : nodes.B;
                object command = IsBinary(sent) ? new { op = "send", groups = Groups, binary = Payload(sent) } : new { op = "send", groups = Groups, text = Encoding.UTF8.GetString(Payload(sent)) };
                Assert.True((await node.CommandAsync(command)).Ok);
            }
        }

        async Task ReceiveAsync()
        {
            var frame = await client.FrameAsync();
            received.Add($"{frame.Opcode} {frame.PayloadText}");
        }

        static bool IsBinary(int number) => number % 3 == 0;
        static byte[] Payload(int number) => Encoding.UTF8.GetBytes($"message {number}\nof two lines");
        static string Expected(int number) => $"{(IsBinary(number) ? RawFrame.Binary : RawFrame.Text)} m {number}\n{Encoding.UTF8.GetString(Payload(number))}";
    }

    [Fact]
    public async Task MessageWithAnId_SentAgainAfterABreak_IsHandledOnceAndTold()
    {
        await using var first = await ResumeClient.BeginAsync(Endpoint(nodes.A));
        await IsReadyAsync(first);
        await first.SendAsync($"m 1\nG{_group} hello");
        Assert.Equal(["a 1\n", "m 1\nhello"], (string[])[.. new[] { await first.MessageAsync(), await first.MessageAsync() }.Order()]);
        first.Reset();

        await using var second = await first.ResumeAsync(Endpoint(nodes.A), 1);
        await IsReadyAsync(second);
        await second.SendAsync($"m 1\nG{_group} hello");
        await second.ExpectAsync("d 1\n");
        await second.SendBinaryAsync([.. "m 2\n"u8, 0xFF]);
        await second.ExpectAsync("u\nerror ? An operation is a text message of at least one character.", "a 2\n"); // handled, whatever it was

        await nodes.B.SendAsync($"group/{_group}", "next");
        await second.ExpectAsync("m 2\nnext");
    }

    [Fact]
    public async Task Compression_NumbersInFrontOfSharedBytes_AreReadByAnotherImplementation()
    {
        var large = string.Concat(Enumerable.Range(0, 3_000).Select(static i => $"{i},"));
        await using var early = await ResumeClient.BeginAsync(Endpoint(nodes.A), Deflate);
        await IsReadyAsync(early);
        Assert.True((await nodes.A.CommandAsync(new { op = "send", groups = Groups, text = "to the first alone" })).Ok);
        await early.ExpectAsync("m 1\nto the first alone");

        await using var late = await ResumeClient.BeginAsync(Endpoint(nodes.A), Deflate);
        await IsReadyAsync(late);
        var ws = nodes.Ws.NewClient();
        await ConnectAsync(ws, nodes.B, [ResumeClient.Protocol]);
        var session = (await ws.TextAsync()).TrimEnd('\n').Split(' ');
        await ws.SendAsync("u\nEready");
        await ws.ExpectAsync("u\nready");

        foreach (object command in new object[]
        {
            new { op = "send", groups = Groups, text = large },
            new { op = "send", groups = Groups, binary = Encoding.UTF8.GetBytes(large) },
            new { op = "send", groups = Groups, text = "short" },
        })
        {
            Assert.True((await nodes.B.CommandAsync(command)).Ok);
        }

        await ws.ExpectAsync($"m 1\n{large}");
        var binary = await ws.NextButPingAsync();
        Assert.Equal(("binary", $"m 2\n{large}"), (binary.Kind, Encoding.UTF8.GetString(binary.Data!)));
        await ws.ExpectAsync("m 3\nshort");
        foreach (var number in new[] { 1, 2 })
        {
            var (one, other) = (await early.FrameAsync(), await late.FrameAsync());
            Assert.Equal(Split(one, $"m {number + 1}\n"), Split(other, $"m {number}\n"));
            Assert.Equal($"m {number + 1}\n{large}", Inflated(one));
        }

        // The same when it has been read from the log, by a client that comes back compressing.
        await ws.SendAsync("a 1\n");
        await ws.TerminateAsync();
        var again = nodes.Ws.NewClient();
        await ConnectAsync(again, nodes.A, [ResumeClient.Protocol, $"resume.{session[1]}.{session[2]}.2"]);
        Assert.StartsWith($"s {session[1]} ", await again.TextAsync(), StringComparison.Ordinal);
        await again.ExpectAsync("m 3\nshort");
        await again.SendAsync($"m 1\nG{_group} {large}"); // compressed by the client, line and all
        Assert.Equal(["a 1\n", $"m 4\n{large}"], (string[])[.. new[] { await again.TextAsync(), await again.TextAsync() }.Order(StringComparer.Ordinal)]);
        await again.TerminateAsync();

        async Task ConnectAsync(WsClient client, TestNodeProcess node, string[] protocols)
        {
            var answer = await client.ConnectAsync(Endpoint(node), new JsonObject { ["perMessageDeflate"] = new JsonObject { ["threshold"] = 0 } }, protocols);
            Assert.Equal(ResumeClient.Protocol, answer["protocol"]?.GetValue<string>());
            Assert.Contains("permessage-deflate", answer["extensions"]!.GetValue<string>(), StringComparison.Ordinal); // always there after success
        }
    }

    [Theory]
    [InlineData("a wrong token")]
    [InlineData("an unknown id")]
    [InlineData("a negative number")]
    [InlineData("no number")]
    [InlineData("another user")]
    public async Task Resume_WithWhatIsNotRight_BeginsAnotherSessionAndLeavesThatOneAlone(string problem)
    {
        await using var client = await ResumeClient.BeginAsync(nodes.A.Endpoint(user: "alice", groups: _group));
        await IsReadyAsync(client);

        var user = problem == "another user" ? "bob" : "alice";
        var id = problem == "an unknown id" ? new string('A', 22) : client.SessionId;
        var token = problem == "a wrong token" ? new string('A', 43) : client.Token;
        var number = problem == "a negative number" ? "-1" : problem == "no number" ? "" : "0";
        await using var other = await ResumeClient.ResumeAsync(nodes.A.Endpoint(user: user), id, token, number);

        Assert.NotEqual(client.SessionId, other.SessionId);
        Assert.NotEqual(client.Token, other.Token);
        await nodes.B.SendAsync($"group/{_group}", "to the first alone");
        await client.ExpectAsync("m 1\nto the first alone");
        await other.SendAsync("u\nEhello");
        await other.ExpectAsync("u\nhello");
    }

    [Theory]
    [InlineData("a 1\n")]
    [InlineData("a 1\nmore")]
    [InlineData("hello")]
    [InlineData("")]
    [InlineData("m \nhello")]
    public async Task Client_ThatSaysWhatCannotBe_IsClosedWith1008(string message)
    {
        await using var client = await ResumeClient.BeginAsync(Endpoint(nodes.A));
        await IsReadyAsync(client);

        await client.SendAsync(message);

        Assert.Equal(1008, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task Resume_WithANumberThatWasNeverSent_IsClosedWith1008()
    {
        await using var client = await ResumeClient.BeginAsync(Endpoint(nodes.A));
        await IsReadyAsync(client);
        await nodes.A.SendAsync($"group/{_group}", "one");
        await client.ExpectAsync("m 1\none");
        client.Reset();

        await using var liar = await client.ResumeAsync(Endpoint(nodes.A), 2);

        Assert.Equal(client.SessionId, liar.SessionId);
        Assert.Equal(1008, await liar.CloseCodeAsync());
    }

    private string[] Groups => [_group];

    private Uri Endpoint(TestNodeProcess node) => node.Endpoint(groups: _group);

    /// <summary>Waits until the handler has put the session into its groups.</summary>
    private static async Task IsReadyAsync(ResumeClient client)
    {
        await client.SendAsync("u\nEready");
        await client.ExpectAsync("u\nready");
    }

    /// <summary>What is behind the stored block in a compressed frame, which must hold the line.</summary>
    private static byte[] Split(RawFrame frame, string line)
    {
        Assert.Equal((true, 4), (frame.Final, frame.ReservedBits));
        var block = (byte[])[0, (byte)line.Length, 0, (byte)~line.Length, 0xFF, .. Encoding.ASCII.GetBytes(line)];
        Assert.Equal(block, frame.Payload[..block.Length]);
        return frame.Payload[block.Length..];
    }

    private static string Inflated(RawFrame frame)
    {
        using var deflate = new DeflateStream(new MemoryStream([.. frame.Payload, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var inflated = new StreamReader(deflate);
        return inflated.ReadToEnd();
    }
}
