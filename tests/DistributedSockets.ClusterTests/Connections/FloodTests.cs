using System.Text;
using static DistributedSockets.ClusterTests.RawFrame;

namespace DistributedSockets.ClusterTests;

/// <summary>Clients that send far too much of what is allowed one by one.</summary>
[Collection(AbusedNodesGroup.Name)]
public sealed class FloodTests(AbusedNodes nodes)
{
    private const int MaxMessageBytes = 65_536; // the default
    private const int Million = 1_000_000;
    private const int Pings = 10_000;
    private const int AtOnce = 64 * 1024;
    private const long FewBytes = 8 << 20;
    private const string Fence = "fence";

    private TestNodeProcess Node => nodes.Http11;

    [Fact]
    public async Task OneByteFragments_AsManyAsAMessageMayHaveBytes_AreOneMessage()
    {
        await using var client = await RawClient.ConnectAsync(Node.Endpoint());

        await client.SendBytesAsync((byte[])[.. Encode(Text, "E"u8, final: false), .. Fragments(MaxMessageBytes - 2, "x"u8), .. Encode(Continuation, "y"u8)]);

        var text = await client.FrameAsync();
        Assert.Equal((Text, MaxMessageBytes - 1, (byte)'y'), (text.Opcode, text.Payload.Length, text.Payload[^1]));
    }

    [Theory]
    [InlineData("x")]
    [InlineData("")]
    public async Task MillionFragments_AreClosedWith1009AtTheLimit_AndCostNoMemory(string fragment)
    {
        var before = await AllocatedAsync();
        await using var client = await RawClient.ConnectAsync(Node.Endpoint());
        var sending = SendAsync(client, [.. Encode(Text, "E"u8, final: false), .. Fragments(Million, Encoding.ASCII.GetBytes(fragment))]);

        Assert.Equal("close 1009", await client.AnswersAsync(Fence));

        await sending;
        await client.SendFrameAsync(Close, [3, 232]);
        await client.EndAsync();
        await AssertCheapAsync(before);
    }

    [Theory]
    [InlineData(Ping)]
    [InlineData(Pong)]
    public async Task MessageNeverEnds_ControlFramesInBetween_IsClosedWith1009AllTheSame(int opcode)
    {
        await using var client = await RawClient.ConnectAsync(Node.Endpoint());
        byte[] pair = [.. Encode(Continuation, new byte[1_000], final: false), .. Encode(opcode, [])];

        await client.SendBytesAsync((byte[])[.. Encode(Binary, [], final: false), .. Repeat(pair, 100)]);

        Assert.Equal(1009, await client.CloseCodeAsync());
    }

    [Fact]
    public async Task FrameThatSaysItHas2To63Bytes_TakesNoMoreMemoryThanWhatIsSent()
    {
        var before = await AllocatedAsync();
        for (var i = 0; i < 100; i++)
        {
            await using var client = await RawClient.ConnectAsync(Node.Endpoint());
            await client.SendBytesAsync(Encode(Binary, [1, 2, 3], length: long.MaxValue, lengthBytes: 8));
            await client.SendBytesAsync(new byte[MaxMessageBytes - 2]);

            Assert.Equal(1009, await client.CloseCodeAsync());
        }

        await AssertCheapAsync(before);
    }

    [Fact]
    public async Task TenThousandPings_AreAnsweredInOrder()
    {
        await using var client = await RawClient.ConnectAsync(Node.Endpoint());
        var sending = SendAsync(client, [.. Enumerable.Range(0, Pings).SelectMany(static i => Encode(Ping, Encoding.ASCII.GetBytes($"{i}")))]);

        for (var i = 0; i < Pings; i++)
        {
            var pong = await client.FrameAsync();
            Assert.Equal((Pong, $"{i}"), (pong.Opcode, pong.PayloadText));
        }

        await sending;
        await AssertNextIsServedAsync(Node);
    }

    [Fact]
    public async Task TenThousandPings_TheirPongsUnread_ReadingStopsAndMemoryStays_ThenTheClientIsCut()
    {
        await using var node = await TestNodeProcess.StartAsync(new NodeSettings
        {
            Name = "pings",
            Options = new Dictionary<string, string> { ["KeepAliveInterval"] = "00:00:01", ["KeepAliveTimeout"] = "00:00:03" },
        });
        await AssertNextIsServedAsync(node); // and all of that is loaded
        var before = await node.CollectAsync();
        await using var deaf = await RawClient.ConnectAsync(node.Endpoint(), receiveBuffer: 4_096);
        var pings = Repeat(Encode(Ping, new byte[125]), AtOnce / 131);
        var sent = 0L;
        var sending = Task.Run(
            async () =>
            {
                try
                {
                    while (true)
                    {
                        await deaf.SendBytesAsync(pings);
                        Interlocked.Add(ref sent, pings.Length);
                    }
                }
                catch (IOException)
                {
                    // It has been cut.
                }
            },
            TestContext.Current.CancellationToken);

        var highest = 0L;
        while (!sending.IsCompleted)
        {
            highest = Math.Max(highest, await node.CollectAsync());
            await AssertNextIsServedAsync(node);
        }

        await sending;
        Assert.True(sent / 131 > Pings, $"Only {sent / 131:N0} pings were taken: too few to prove anything.");
        Assert.True(highest - before < FewBytes, $"The heap grew by {highest - before:N0} bytes over {sent:N0} bytes of pings.");
        await Guard.UntilAsync(async () => await node.MetricAsync("distributed_sockets.active_connections") == 0, "the deaf client is gone");
    }

    [Fact]
    public async Task TenMegabytesAfterTheClose_AreNotHandled()
    {
        var before = await Node.MetricAsync("distributed_sockets.received_messages");
        await using var client = await RawClient.ConnectAsync(Node.Endpoint());
        var sending = SendAsync(client, [.. Encode(Close, [3, 232]), .. Repeat(Encode(Text, Encoding.ASCII.GetBytes($"E{new string('x', 60_000)}")), 160)]);

        // Whether the answer still reaches a client that goes on sending is up to TCP: a socket closed with data unread is reset.
        Assert.Contains(await client.AnswersAsync(Fence), new[] { "close 1000", "end" });

        await sending;
        await client.EndAsync();
        Assert.Equal(before, await Node.MetricAsync("distributed_sockets.received_messages"));
        await AssertNextIsServedAsync(Node);
    }

    /// <summary>Sends in large pieces, and is content if the node has heard enough.</summary>
    private static async Task SendAsync(RawClient client, byte[] bytes)
    {
        try
        {
            for (var start = 0; start < bytes.Length; start += AtOnce)
            {
                await client.SendBytesAsync(bytes.AsMemory(start, Math.Min(AtOnce, bytes.Length - start)));
            }
        }
        catch (IOException)
        {
            // Cut off.
        }
    }

    private static byte[] Fragments(int count, ReadOnlySpan<byte> payload) => Repeat(Encode(Continuation, payload, final: false), count);

    private static byte[] Repeat(byte[] frame, int count)
    {
        var frames = new byte[frame.Length * count];
        for (var i = 0; i < count; i++)
        {
            frame.CopyTo(frames, i * frame.Length);
        }

        return frames;
    }

    private async Task<long> AllocatedAsync()
    {
        await AssertNextIsServedAsync(Node);
        return await Node.AllocatedAsync();
    }

    private async Task AssertCheapAsync(long before)
    {
        var allocated = await Node.AllocatedAsync() - before;
        Assert.True(allocated < FewBytes, $"{allocated:N0} bytes were allocated.");
        await AssertNextIsServedAsync(Node);
    }

    private static async Task AssertNextIsServedAsync(TestNodeProcess node)
    {
        await using var next = await RawClient.ConnectAsync(node.Endpoint());
        await next.SendTextAsync($"E{Fence}");
        Assert.Equal($"text {Fence}", await next.AnswersAsync(Fence));
    }
}
