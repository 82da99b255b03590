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
        var envelope = _writer.WriteFrame(WebSocketTargetKind.Connections, ["node-b.rot", "node-b.grün"], ["node-b.x"], id, frame, out var length).AsMemory(0, length);

        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        Assert.Equal((EnvelopeKind.Frame, "node-a"), (read.Kind, Encoding.UTF8.GetString(read.Origin)));
        Assert.Equal((WebSocketTargetKind.Connections, id), (read.Target, read.MessageId));
        Assert.Equal(["node-b.rot", "node-b.grün"], EnvelopeNames.List(read.Names(new char[NameList.ScratchChars])));
        Assert.Equal(["node-b.x"], EnvelopeNames.List(read.Excluded(new char[NameList.ScratchChars])));
        Assert.True(SharedFrame.TryWrap(read.Frame, read.HasDeflated, out var wrapped));
        Assert.Equal("Grüße", Encoding.UTF8.GetString(wrapped.Payload.Span));
        wrapped.Release();
    }

    [Fact]
    public void CommandAndReply_WrittenAndRead_AreTheSame()
    {
        var command = new RemoteCommand(RemoteCommandKind.AddToGroup, "node-b.x", "g", 4_000, "why");
        var id = Guid.NewGuid();
        var bytes = _writer.WriteCommand(id, command, out var length).AsMemory(0, length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope));
        Assert.True(envelope.Body().TryReadCommand(out var requestId, out var read));
        Assert.Equal((id, command), (requestId, read));

        bytes = _writer.WriteReply(id, RemoteCommandOutcome.NotFound, out length).AsMemory(0, length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(bytes, EnvelopeKnowledge.Current, out envelope));
        Assert.True(envelope.Body().TryReadReply(out requestId, out var answer));
        Assert.Equal((id, new CommandAnswer(RemoteCommandOutcome.NotFound)), (requestId, answer));
    }

    [Theory]
    [InlineData("wie geht's, ünn?", true)]
    [InlineData("", true)]
    [InlineData("bytes", false)]
    public void QuestionAndAnswer_WrittenAndRead_AreTheSame(string text, bool isText)
    {
        var message = isText ? WebSocketMessage.Text(text) : WebSocketMessage.Binary(System.Text.Encoding.UTF8.GetBytes(text));
        var command = new RemoteCommand(RemoteCommandKind.Ask, "node-b.x") { Message = message, AnswerTimeout = TimeSpan.FromSeconds(7) };
        var id = Guid.NewGuid();
        var bytes = _writer.WriteCommand(id, command, out var length).AsMemory(0, length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope));
        Assert.True(envelope.Body().TryReadCommand(out var requestId, out var read));
        Assert.Equal((id, RemoteCommandKind.Ask, "node-b.x", command.AnswerTimeout), (requestId, read.Kind, read.Subject, read.AnswerTimeout));
        Assert.Equal((isText, text), (read.Message.IsText, read.Message.GetText()));

        bytes = _writer.WriteReply(id, new(RemoteCommandOutcome.Answered, message), out length).AsMemory(0, length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(bytes, EnvelopeKnowledge.Current, out envelope));
        Assert.True(envelope.Body().TryReadReply(out requestId, out var answer));
        Assert.Equal((id, RemoteCommandOutcome.Answered, isText, text), (requestId, answer.Outcome, answer.Message!.Value.IsText, answer.Message.Value.GetText()));
    }

    [Fact]
    public async Task Dispatch_TruncatedOrChangedAnywhere_NeverThrowsAndLeavesNoFrame()
    {
        await using var node = await AppNode.StartAsync();
        await using var client = await node.ConnectAsync("u");
        var dispatcher = (EnvelopeDispatcher)node.Services.GetService(typeof(EnvelopeDispatcher))!; // registered by AddDistributedWebSockets
        var served = new DeliveredMessages(TimeProvider.System);
        using var frame = SharedFrame.Encode(WebSocketMessage.Text("payload"));
        using var deflated = SharedFrame.Encode(WebSocketMessage.Text(new string('x', 300)), new FrameDeflater(new() { EnableCompression = true }));
        byte[][] originals =
        [
            _writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, deflated, out var length)[..length],
            _writer.WriteFrame(WebSocketTargetKind.Groups, ["a"], [client.Id], Guid.NewGuid(), frame, out length)[..length],
            _writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out length)[..length],
            _writer.WriteCommand(Guid.NewGuid(), new(RemoteCommandKind.Disconnect, "nobody.x", "", 1000, "bye"), out length)[..length],
            _writer.WriteCommand(
                Guid.NewGuid(),
                new(RemoteCommandKind.Ask, "nobody.x") { Message = WebSocketMessage.Text("well?"), AnswerTimeout = TimeSpan.FromSeconds(1) },
                out length)[..length],
            _writer.WriteReply(Guid.NewGuid(), RemoteCommandOutcome.Done, out length)[..length],
            _writer.WriteReply(Guid.NewGuid(), new(RemoteCommandOutcome.Answered, WebSocketMessage.Text("well")), out length)[..length],
        ];
        var random = new Random(1);
        foreach (var original in originals)
        {
            Assert.True(TryDispatch(original));
            for (var cut = 0; cut < original.Length; cut++)
            {
                Assert.False(TryDispatch(original.AsMemory(0, cut)), $"{cut} of {original.Length} bytes were taken for an envelope.");
            }

            for (var i = 0; i < 20_000; i++)
            {
                byte[] changed = [.. original];
                for (var flips = random.Next(1, 4); flips > 0; flips--)
                {
                    changed[random.Next(changed.Length)] = (byte)random.Next(256);
                }

                TryDispatch(changed);
            }
        }

        await using var late = await node.ConnectAsync("late"); // among what was made up may be a command that closes all connections
        await node.Router.SendToUserAsync("late", "still fine", TestContext.Current.CancellationToken);
        Assert.Equal("still fine", await late.ReceiveTextAsync());

        bool TryDispatch(ReadOnlyMemory<byte> bytes) => Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && dispatcher.TryDispatch(node.Hub, envelope, TimeProvider.System.GetTimestamp(), served);
    }

    [Fact]
    public void Frame_WithItsCompressedOne_IsWrittenBehindItAndRead()
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(new string('x', 300)), new FrameDeflater(new() { EnableCompression = true }));
        var envelope = _writer.WriteFrame(WebSocketTargetKind.All, [], [], Guid.Empty, frame, out var length).AsMemory(0, length);

        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        Assert.True(read.HasDeflated);
        Assert.True(SharedFrame.TryWrap(read.Frame, read.HasDeflated, out var wrapped));
        Assert.Equal(frame.Bytes.ToArray(), wrapped.Bytes.ToArray());
        Assert.Equal(frame.Deflated.ToArray(), wrapped.Deflated.ToArray());
        wrapped.Release();
    }

    [Theory]
    [InlineData(1, 0, true)]
    [InlineData(1, 1, true)]
    [InlineData(1, 2, false)]
    [InlineData(2, 0, true)]
    [InlineData(2, 1, false)]
    [InlineData(3, 0, true)]
    [InlineData(3, 1, false)]
    public void Flags_OfAKind_AreTakenOnlyWhereDefined(byte kind, byte flags, bool taken) => Assert.Equal(
        taken ? EnvelopeVerdict.Taken : EnvelopeVerdict.NotUnderstood,
        Envelope.Read((byte[])[1, 1, kind, flags, 1, (byte)'n', .. new byte[23]], EnvelopeKnowledge.Current, out _));

    [Theory]
    [InlineData("8104aaaaaaaa c102aabb", false)] // not valid UTF-8
    [InlineData("8204aaaaaaaa c202aabb", true)]
    [InlineData("8204aaaaaaaa c302aabb", false)] // not the same kind
    [InlineData("8104 61616161 c202aabb", false)] // text compressed as binary
    [InlineData("8204aaaaaaaa 8202aabb", false)] // not compressed
    [InlineData("8204aaaaaaaa e202aabb", false)] // another reserved bit
    [InlineData("8204aaaaaaaa 4202aabb", false)] // not final
    [InlineData("8204aaaaaaaa c202aa", false)] // cut off
    [InlineData("8204aaaaaaaa c202aabbcc", false)] // a byte too many
    [InlineData("8204aaaaaaaa c28200000000aabb", false)] // masked
    [InlineData("8204aaaaaaaa c204aabbccdd", false)] // no shorter
    [InlineData("8204aaaaaaaa c200", false)] // empty, which deflate never is
    [InlineData("8204aaaaaaaa", false)] // missing
    [InlineData("8204aaaaaaaa c2", false)]
    [InlineData("8204aaaa", false)]
    public void Frame_CompressedOneBehindIt_IsTakenOnlyIfItGoesWithIt(string hex, bool taken)
    {
        var isTaken = SharedFrame.TryWrap(Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal)), withDeflated: true, out var frame);

        Assert.Equal(taken, isTaken);
        frame?.Release();
    }

    [Theory]
    [InlineData("8100")]
    [InlineData("820161")]
    [InlineData("817e007e", 126)]
    [InlineData("817f0000000000010000", 65_536)]
    public void Frame_WholeAndMinimal_IsTaken(string hex, int payload = 0)
    {
        byte[] bytes = [.. Convert.FromHexString(hex), .. new byte[payload]];

        Assert.True(SharedFrame.TryWrap(bytes, withDeflated: false, out var frame));
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
        Assert.False(SharedFrame.TryWrap(Convert.FromHexString(hex), withDeflated: false, out _));
    }
}
