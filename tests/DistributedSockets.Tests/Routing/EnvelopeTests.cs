using System.Text;

namespace DistributedSockets.Tests;

public sealed class EnvelopeTests
{
    private readonly EnvelopeWriter _writer = new("node-a");

    [Fact]
    public void Frame_WrittenAndRead_IsTheSame()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("Grüße"));
        var id = Guid.NewGuid();
        var envelope = _writer.WriteFrame(WebSocketTargetKind.Groups, ["rot", "grün"], ["node-b.x"], id, frame, out var length).AsMemory(0, length);

        Assert.True(EnvelopeReader.TryBegin(envelope.Span, out var reader));
        Assert.Equal((EnvelopeKind.Frame, "node-a"), (reader.Kind, Encoding.UTF8.GetString(reader.Origin)));
        Assert.True(reader.TryReadByte(out var kind) && reader.TryReadGuid(out var readId) && readId == id);
        Assert.Equal(WebSocketTargetKind.Groups, (WebSocketTargetKind)kind);
        Assert.True(reader.TryReadUInt16(out var names));
        Assert.Equal(2, names);
        Assert.True(reader.TryReadString(out var first));
        Assert.True(reader.TryReadString(out var second));
        Assert.Equal(("rot", "grün"), (first, second));
        Assert.True(reader.TrySkipStrings(out var excluded));
        Assert.Equal(1, excluded);
        Assert.True(SharedFrame.TryWrap(envelope[reader.Position..], out var wrapped));
        Assert.Equal("Grüße", Encoding.UTF8.GetString(wrapped.Payload.Span));
        wrapped.Release();
    }

    [Fact]
    public void CommandAndReply_WrittenAndRead_AreTheSame()
    {
        var command = new RemoteCommand(RemoteCommandKind.AddToGroup, "node-b.x", "g", 4_000, "why");
        var bytes = _writer.WriteCommand(ulong.MaxValue, command, out var length).AsSpan(0, length);
        Assert.True(EnvelopeReader.TryBegin(bytes, out var reader));
        Assert.True(reader.TryReadCommand(out var requestId, out var read));
        Assert.Equal((ulong.MaxValue, command), (requestId, read));

        bytes = _writer.WriteReply(7, RemoteCommandOutcome.NotFound, out length).AsSpan(0, length);
        Assert.True(EnvelopeReader.TryBegin(bytes, out reader));
        Assert.True(reader.TryReadReply(out requestId, out var outcome));
        Assert.Equal((7UL, RemoteCommandOutcome.NotFound), (requestId, outcome));
    }

    [Fact]
    public async Task Dispatch_TruncatedOrChangedAnywhere_NeverThrowsAndLeavesNoFrame()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync("u");
        var dispatcher = (EnvelopeDispatcher)node.Services.GetService(typeof(EnvelopeDispatcher))!; // registered by AddDistributedWebSockets
        var served = new ServedConnections(TimeProvider.System);
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("payload"));
        byte[][] originals =
        [
            _writer.WriteFrame(WebSocketTargetKind.Groups, ["a", "b"], [client.Id], Guid.NewGuid(), frame, out var length)[..length],
            _writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out length)[..length],
            _writer.WriteCommand(1, new(RemoteCommandKind.Disconnect, "nobody.x", "", 1000, "bye"), out length)[..length],
            _writer.WriteReply(1, RemoteCommandOutcome.Done, out length)[..length],
        ];
        var random = new Random(1);
        foreach (var original in originals)
        {
            Assert.True(dispatcher.TryDispatch(node.Hub, original, served));
            for (var cut = 0; cut < original.Length; cut++)
            {
                Assert.False(dispatcher.TryDispatch(node.Hub, original.AsMemory(0, cut), served), $"{cut} of {original.Length} bytes were taken for an envelope.");
            }

            for (var i = 0; i < 20_000; i++)
            {
                byte[] changed = [.. original];
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                }

                dispatcher.TryDispatch(node.Hub, changed, served);
            }
        }

        await node.Router.SendToAllAsync("still fine", TestContext.Current.CancellationToken);
        string text;
        do
        {
            text = Encoding.UTF8.GetString((await client.ReceiveAsync()).Data);
        }
        while (text != "still fine");
    }

    [Theory]
    [InlineData("8100")]
    [InlineData("820161")]
    [InlineData("817e007e", 126)]
    [InlineData("817f0000000000010000", 65_536)]
    public void Frame_WholeAndMinimal_IsTaken(string hex, int payload = 0)
    {
        byte[] bytes = [.. Convert.FromHexString(hex), .. new byte[payload]];

        Assert.True(SharedFrame.TryWrap(bytes, out var frame));
        Assert.Equal(bytes.Length, frame.Length);
        frame.Release();
    }

    [Theory]
    [InlineData("")]
    [InlineData("81")]
    [InlineData("8101")] // payload missing
    [InlineData("810061")] // a byte too many
    [InlineData("818000000000")] // masked
    [InlineData("0100")] // not final
    [InlineData("c100")] // compressed
    [InlineData("8900")] // ping
    [InlineData("8800")] // close
    [InlineData("817e0001aa")] // longer length field than needed
    [InlineData("817f000000000000000161")]
    [InlineData("817fffffffffffffffff")]
    [InlineData("817f80000000000000")]
    public void Frame_AnythingElse_IsRefused(string hex)
    {
        Assert.False(SharedFrame.TryWrap(Convert.FromHexString(hex), out _));
    }
}
