using System.Buffers.Binary;
using System.Globalization;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

/// <summary>Reads <c>docs/wire-format.md</c> and its vectors, and holds them against the real writer and reader.</summary>
public sealed class WireFormatTests
{
    private const string Page = "docs/wire-format.md";

    public static TheoryData<string> Vectors => [.. WireFormatVectors.Envelopes.Keys];

    public static TheoryData<string> EntryVectors => [.. WireFormatVectors.Entries.Keys];

    public static TheoryData<string> RecordVectors => [.. WireFormatVectors.Records.Keys];

    public static TheoryData<string> WrittenVectors => [.. WireFormatVectors.Envelopes.Values.Where(static vector => !vector.IsLater).Select(static vector => vector.Name)];

    public static TheoryData<int, string> FrameHeaders
    {
        get
        {
            var data = new TheoryData<int, string>();
            foreach (var row in Rows("payload bytes", "header of a text frame"))
            {
                data.Add(int.Parse(row[0], NumberStyles.AllowThousands, CultureInfo.InvariantCulture), MarkdownTable.Plain(row[1]));
            }

            return data;
        }
    }

    [Fact]
    public void Page_ServersOfChannels_AreThoseOfTheRendezvous()
    {
        var rows = Rows("servers", "channel", "values", "server of the channel");
        Assert.NotEmpty(rows);
        foreach (var row in rows)
        {
            string[] servers = [.. row[0].Split(", ").Select(MarkdownTable.Plain)];
            var (channel, values) = (MarkdownTable.Plain(row[1]), row[2].Split(", ").Select(MarkdownTable.Plain));

            Assert.Equal(values, servers.Select(server => XxHash64.HashToUInt64(Encoding.UTF8.GetBytes($"{server}\0{channel}")).ToString("x16", CultureInfo.InvariantCulture)));
            Assert.Equal(MarkdownTable.Plain(row[3]), servers[new Rendezvous(servers).Find(channel)]);
        }
    }

    [Fact]
    public void Vectors_AllTogether_CoverEveryKindTargetAndExtension()
    {
        var vectors = WireFormatVectors.Envelopes.Values.Where(static vector => !vector.IsLater).ToArray();

        Assert.Equal(
            Enum.GetNames<EnvelopeKind>().Select(static kind => kind.ToLowerInvariant()).Order(),
            vectors.Concat(WireFormatVectors.Entries.Values).Select(static vector => vector["envelope"]).Distinct().Order());
        Assert.Equal(WireFormatVector.Outcomes.Length - 1, (int)Enum.GetValues<RemoteCommandOutcome>().Max());
        Assert.Equal(["command", "frame", "presence", "reply"], vectors.Select(static vector => vector["envelope"]).Distinct().Order());
        Assert.Equal(
            WireFormatVector.Targets.Order(), vectors.Where(static vector => vector.Has("target")).Select(static vector => vector["target"]).Distinct().Order());
        foreach (var extension in EnvelopeExtension.All)
        {
            Assert.Contains(
                vectors,
                vector => Envelope.Read(vector.Bytes, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && envelope.TryFind(extension, out _));
        }
    }

    [Fact]
    public void Page_Extensions_AreAllThereAre()
    {
        var rows = Rows("id", "extension", "bytes", "value");

        Assert.Equal(
            EnvelopeExtension.All.OrderBy(static extension => extension.Id).Select(static extension => $"{extension.Id}: {Size(extension)}"),
            rows.Select(static row => $"{row[0]}: {row[2]}"));

        static string Size(EnvelopeExtension extension) =>
            extension.MinBytes == extension.MaxBytes ? $"{extension.MinBytes}" : $"{extension.MinBytes} to {extension.MaxBytes}";
    }

    [Fact]
    public void Page_VectorShown_IsThatOfTheFile()
    {
        var section = Repository.Read(Page).Split("## Test vectors", 2)[1];
        var shown = HexBlock(CodeBlock.In(section).First(static block => block.Language == "hex"));

        Assert.Contains(WireFormatVectors.Envelopes.Values, vector => section.Contains($"*{vector.Name}*", StringComparison.Ordinal) && vector.Bytes.SequenceEqual(shown));
    }

    [Theory]
    [MemberData(nameof(WrittenVectors))]
    public void Vector_Written_HasItsBytes(string name)
    {
        var vector = WireFormatVectors.Envelopes[name];
        var writer = new EnvelopeWriter(vector["origin"]);
        int length;
        byte[] written;
        switch (vector["envelope"])
        {
            case "frame":
                using (var frame = vector.Frame())
                {
                    written = writer.WriteFrame(
                        (WebSocketTargetKind)Array.IndexOf(WireFormatVector.Targets, vector["target"]),
                        vector.List("names"),
                        vector.List("excluded"),
                        vector.Id("messageId"),
                        frame,
                        out length,
                        vector.Extensions);
                }

                break;
            case "command":
                written = writer.WriteCommand(
                    vector.Id("requestId"), vector.Has("message") ? vector.Command with { Message = vector.Message } : vector.Command, out length, vector.Extensions);
                break;
            case "presence":
                written = writer.WritePresence(vector.Announcement, out length);
                break;
            default:
                written = writer.WriteReply(vector.Id("requestId"), new(vector.Outcome, vector.Has("message") ? vector.Message : null), out length);
                break;
        }

        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Vector_Read_HasItsFields(string name)
    {
        var vector = WireFormatVectors.Envelopes[name];
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(vector.Bytes, EnvelopeKnowledge.Current, out var envelope));
        Assert.Equal(vector["origin"], Encoding.UTF8.GetString(envelope.Origin));
        Assert.Equal(vector["envelope"], envelope.Kind.ToString().ToLowerInvariant());
        Assert.Equal(vector.Has("traceContext"), envelope.TryGetTraceContext(out var trace));
        Assert.Equal(
            (vector.TraceContext.TraceId, vector.TraceContext.SpanId, vector.TraceContext.TraceFlags, vector.TraceContext.TraceState),
            (trace.TraceId, trace.SpanId, trace.TraceFlags, trace.TraceState));
        var terms = DeliveryTerms.Of(envelope, AnyFilter.Instance, 0, TimeProvider.System);
        Assert.Equal((vector.TimeToLive, vector.ConflationKey, vector.Filter), (terms?.TimeToLive, terms?.ConflationKey, terms?.FilterText));
        Assert.Equal(vector.Metadata.ToArray(), terms?.Metadata.ToArray() ?? []);
        Assert.Equal(vector.Extensions.Confirmation, envelope.Confirmation);
        switch (envelope.Kind)
        {
            case EnvelopeKind.Frame:
                Assert.Equal(vector["target"], WireFormatVector.Targets[(int)envelope.Target]);
                Assert.Equal(vector.Id("messageId"), envelope.MessageId);
                Assert.Equal(vector.List("names"), List(envelope.Names(new char[NameList.ScratchChars])));
                Assert.Equal(vector.List("excluded"), List(envelope.Excluded(new char[NameList.ScratchChars])));
                Assert.True(SharedFrame.TryWrap(envelope.Frame, envelope.HasDeflated, out var frame));
                using (frame)
                {
                    Assert.Equal(vector.Message.MessageType, frame.MessageType);
                    Assert.Equal(vector.Message.Data.ToArray(), frame.Payload.ToArray());
                    Assert.Equal(vector.Compressed, frame.Deflated.IsEmpty ? [] : frame.Deflated[2..].ToArray());
                }

                break;
            case EnvelopeKind.Command:
                Assert.True(envelope.Body().TryReadCommand(out var commandId, out var command));
                Assert.Equal(vector.Id("requestId"), commandId);
                Assert.Equal(vector.Command, command with { Message = default });
                if (vector.Has("message"))
                {
                    Assert.Equal((vector.Message.MessageType, vector.Message.GetText()), (command.Message.MessageType, command.Message.GetText()));
                }

                break;
            case EnvelopeKind.Presence:
                Assert.True(envelope.Body().TryReadPresence(out var announcement));
                var expected = vector.Announcement;
                Assert.Equal((expected.Epoch, expected.IsSettled, expected.Number), (announcement.Epoch, announcement.IsSettled, announcement.Number));
                Assert.Equal(expected.News, announcement.News);
                break;
            default:
                Assert.True(envelope.Body().TryReadReply(out var requestId, out var answer));
                Assert.Equal((vector.Id("requestId"), vector.Outcome, vector.Has("message")), (requestId, answer.Outcome, answer.Message is not null));
                Assert.Equal(vector.Has("message") ? vector.Message.Data.ToArray() : [], answer.Message?.Data.ToArray() ?? []);
                break;
        }
    }

    [Theory]
    [MemberData(nameof(EntryVectors))]
    public void EntryOfALog_Written_HasItsBytes(string name)
    {
        var vector = WireFormatVectors.Entries[name];
        var writer = new EnvelopeWriter(vector["origin"]);
        if (vector["envelope"] == "loggap")
        {
            var written = writer.WriteLogGap(vector.Number("after"), vector.Number("upTo"), out var length);
            Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
            return;
        }

        if (vector["envelope"] == "sessiongroups")
        {
            var written = writer.WriteSessionGroups(vector.GroupChange, out var length);
            Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
            return;
        }

        if (vector["envelope"] == "sessionending")
        {
            var written = writer.WriteSessionEnding(vector.Ending, out var length);
            Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
            return;
        }

        var kind = (WebSocketTargetKind)Array.IndexOf(WireFormatVector.Targets, vector["target"]);
        using var encoded = writer.Encode(kind, vector.List("names"), vector.List("excluded"), vector.Message, null);
        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(encoded.Envelope.Span));
    }

    [Theory]
    [MemberData(nameof(EntryVectors))]
    public async Task EntryOfALog_Read_IsTakenThere_AndRefusedOnAChannel(string name)
    {
        var vector = WireFormatVectors.Entries[name];
        var options = Microsoft.Extensions.Options.Options.Create(new DistributedWebSocketsOptions());
        var reader = new LogEntryReader(new(new(options), EnvelopeKnowledge.Current, options, TimeProvider.System), EnvelopeKnowledge.Current, options);
        var hub = new HubConnections("chat", DistributedWebSocketsClusterOptions.DefaultPrefix, "node-a", RoutingStrategy.Interest, new SessionChanges(16, 65_536), new());

        Assert.Equal(EnvelopeVerdict.Taken, reader.Read(hub, vector.Bytes, out var envelope));
        Assert.Equal(vector["envelope"], envelope.Kind.ToString().ToLowerInvariant());
        if (envelope.Kind == EnvelopeKind.LogGap)
        {
            Assert.True(envelope.Body().TryReadLogGap(out var after, out var upTo));
            Assert.Equal((vector.Number("after"), vector.Number("upTo")), (after, upTo));
        }
        else if (envelope.Kind == EnvelopeKind.SessionGroups)
        {
            Assert.True(envelope.Body().TryReadSessionGroups(out var change));
            Assert.Equal(vector.GroupChange, change);
        }
        else if (envelope.Kind == EnvelopeKind.SessionEnding)
        {
            Assert.True(envelope.Body().TryReadSessionEnding(out var ending));
            Assert.Equal(vector.Ending, ending);
        }
        else
        {
            Assert.Equal(vector.List("names"), List(envelope.Names(new char[NameList.ScratchChars])));
        }

        await using var node = await ReceivingNode.StartAsync(seals: false);
        await node.ReceiveAsync(vector.Bytes);
        Assert.Equal("unreadable", Assert.Single(node.Dropped));
    }

    [Theory]
    [MemberData(nameof(RecordVectors))]
    public void RecordOfASession_WrittenAndRead_HasItsBytesAndFields(string name)
    {
        var vector = WireFormatVectors.Records[name];

        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(SessionCheckpointFormat.Write(vector.Checkpoint)));
        byte[] longer = [.. vector.Bytes, 0xFF]; // what a later version adds is passed over
        BinaryPrimitives.WriteUInt32LittleEndian(longer.AsSpan(1), SessionCheckpointFormat.ChecksumOf(longer.AsSpan(5)));
        Assert.True(SessionCheckpointFormat.TryRead(longer, out var read));
        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(SessionCheckpointFormat.Write(read)));
        Assert.Equal((vector["owner"], vector.Optional("user"), vector.Number("offset"), vector.Number("number")), (read.Owner, read.UserId, read.Position.Offset, read.Number));
        Assert.True(SessionId.IsTokenOf(vector["token"], read.TokenDigest.Span));
    }

    [Fact]
    public void Resume_LinesOfThePage_AreThoseThatAreWrittenAndRead()
    {
        var known = new HashSet<char>();
        foreach (var line in ResumeLines().Where(static line => line[0] == '>'))
        {
            var read = ResumeV1.Read(Encoding.UTF8.GetBytes(Unescaped(line)), out _, out _, out _);
            Assert.True(read != ResumeV1.Line.Unknown, $"The server does not know this line of a client: {line}");
            known.Add(line[2]);
        }

        Assert.Equal("amu", string.Concat(Rows("from the client", "means").Select(static row => MarkdownTable.Plain(row[0])[0]).Order()));
        Assert.Superset("am".ToHashSet(), known);
        Assert.Equal("adgmrsu", string.Concat(Rows("from the server", "means").Select(static row => MarkdownTable.Plain(row[0])[0]).Order()));
        foreach (var line in ResumeLines().Where(static line => line[0] == '<'))
        {
            var text = Unescaped(line);
            var head = text[..(text.IndexOf('\n', StringComparison.Ordinal) + 1)];
            Assert.Equal(Written(head[..^1].Split(' ')), head);
        }

        static string Unescaped(string line) => line[2..].Replace("\\n", "\n", StringComparison.Ordinal);
    }

    [Fact]
    public void Resume_HandshakeOfThePage_AsksForTheSessionAndTokenThatWereTold()
    {
        var lines = CodeBlock.In(Repository.Read(Page)).Single(static block => block.Language == "resume").Lines;
        var told = lines.First(static line => line.StartsWith("< s ", StringComparison.Ordinal)).Split(' ');
        var asked = lines.Single(static line => line.StartsWith("Sec-WebSocket-Protocol: ", StringComparison.Ordinal) && line.Contains(',')).Split(", ")[1];

        Assert.True(ResumeV1.TryReadResume(asked, out var id, out var token, out var number));
        Assert.Equal((told[2], told[3]), (id.ToString(), token.ToString()));
        Assert.Equal(3, number);
    }

    [Fact]
    public void Vector_Compressed_InflatesToItsFrame()
    {
        var vector = Assert.Single(WireFormatVectors.Envelopes.Values, static vector => vector.Compressed.Length > 0);
        using var deflate = new DeflateStream(new MemoryStream([.. vector.Compressed, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        deflate.CopyTo(inflated);

        Assert.Equal(vector.Message.Data.ToArray(), inflated.ToArray());
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Vectors_Received_AreTaken(bool seals)
    {
        await using var node = await ReceivingNode.StartAsync(seals);

        foreach (var vector in WireFormatVectors.Envelopes.Values)
        {
            await node.ReceiveAsync(vector.Bytes);

            Assert.True(!node.Dropped.Any() && node.Ignored == 0, $"Not taken: {vector.Name}.");
        }

        Assert.DoesNotContain(RemoteCommandOutcome.NotUnderstood, node.Replies);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task RefusedBytes_Received_AreDroppedAndReported(bool seals)
    {
        await using var node = await ReceivingNode.StartAsync(seals);
        var count = 0;
        foreach (var (problem, reason, hex) in WireFormatVectors.List("refused", "problem", "as"))
        {
            await node.ReceiveAsync(WireFormatVectors.Hex(hex));

            Assert.True(node.Dropped.Count() == ++count && node.Dropped.Last() == reason, $"Counted as '{node.Dropped.LastOrDefault()}', not as '{reason}': {problem}.");
        }

        Assert.InRange(node.PossibleLosses, 1, count); // reported once a second
        Assert.Equal(0, node.Ignored);
        Assert.Empty(node.Replies);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task IgnoredBytes_Received_ArePassedOver(bool seals)
    {
        await using var node = await ReceivingNode.StartAsync(seals);
        var count = 0;
        foreach (var (what, _, hex) in WireFormatVectors.List("ignored", "what"))
        {
            await node.ReceiveAsync(WireFormatVectors.Hex(hex));

            Assert.True(node.Ignored == ++count && !node.Dropped.Any(), $"Not passed over: {what}.");
        }

        Assert.Equal(0, node.PossibleLosses);
        Assert.Empty(node.Replies);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task AnsweredBytes_Received_AreAnswered(bool seals)
    {
        await using var node = await ReceivingNode.StartAsync(seals);
        foreach (var (what, outcome, hex) in WireFormatVectors.List("answered", "what", "outcome"))
        {
            await node.ReceiveAsync(WireFormatVectors.Hex(hex));

            Assert.True(WireFormatVector.Outcomes[(int)node.Replies.Last()] == outcome, $"Not answered so: {what}.");
            Assert.Empty(node.Dropped);
        }

        Assert.Equal((0, 0), (node.PossibleLosses, node.Ignored));
    }

    [Theory]
    [MemberData(nameof(FrameHeaders))]
    public void FrameHeader_OfAPayload_IsThatOfThePage(int payloadBytes, string header)
    {
        using var frame = SharedFrame.Encode(new(new byte[payloadBytes], System.Net.WebSockets.WebSocketMessageType.Text));

        Assert.Equal(header.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexStringLower(frame.Bytes[..^payloadBytes].Span));
    }

    [Fact]
    public void SealedVector_SealedAndOpened_HasItsBytes()
    {
        var vector = WireFormatVectors.Sealed;
        var content = WireFormatVectors.Envelopes[vector["content"]].Bytes;
        var time = new FixedTimeProvider(DateTimeOffset.Parse(vector["sealedAt"], CultureInfo.InvariantCulture));
        var options = new DistributedWebSocketsOptions();
        options.EnvelopeKeys.Add(vector["key"]);
        var ring = new EnvelopeKeyRing(Microsoft.Extensions.Options.Options.Create(options));
        var sealer = new EnvelopeSealer(ring.Sealing, WireFormatVectors.Hex(vector["sender"]), vector.Number("counter") - 1, time);

        var written = sealer.Seal(vector["channel"], content, out var length);

        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
        var opener = new EnvelopeOpener(ring, new(ring, time), Microsoft.Extensions.Options.Options.Create(options), EnvelopeKnowledge.Current, time);
        Assert.Equal(EnvelopeVerdict.Taken, opener.Open(vector["channel"], 1, vector.Bytes, out var opened));
        Assert.Equal(content, opened.Bytes.ToArray());

        // The same with nothing of ours but the values of the file.
        var bytes = vector.Bytes;
        using var cipher = new System.Security.Cryptography.AesGcm(WireFormatVectors.Hex(vector["keyOfTheSender"]), 16);
        var plain = new byte[content.Length];
        cipher.Decrypt(
            WireFormatVectors.Hex(vector["nonce"]), bytes.AsSpan(38..^16), bytes.AsSpan(^16..), plain, [.. bytes[..38], .. Encoding.UTF8.GetBytes(vector["channel"])]);
        Assert.Equal(content, plain);
    }

    [Fact]
    public void Channels_OfAHub_AreThoseOfThePage()
    {
        var block = CodeBlock.In(Repository.Read(Page)).Single(block => block.Language == "channels");
        var hub = new HubConnections("chat", DistributedWebSocketsClusterOptions.DefaultPrefix, "node-a", RoutingStrategy.Interest, new SessionChanges(16, 65_536), new());

        Assert.Equal([hub.AllChannel, hub.UserChannel("alice"), hub.GroupChannel("red"), hub.OwnChannel], block.Lines);
    }

    [Fact]
    public async Task Broadcast_OfAPayload_HasTheBytesOfThePage()
    {
        var heading = Repository.Read(Page).Split("## Broadcast backplanes", 2)[1];
        var expected = HexBlock(CodeBlock.In(heading).First(block => block.Language == "hex"));
        await using var backplane = new CapturingBackplane();

        await backplane.PublishAsync("shop:v1:chat:all", "hi"u8.ToArray(), TestContext.Current.CancellationToken);

        Assert.Equal(Convert.ToHexString(expected), Convert.ToHexString(backplane.Captured));
    }

    [Fact]
    public void Nats_Subjects_AreThoseOfThePage()
    {
        var rows = Rows("channel", "subject");
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(MarkdownTable.Plain(row[1]), NatsSubjects.FromChannel(MarkdownTable.Plain(row[0]))));
    }

    [Fact]
    public void Nats_Parts_HaveTheBytesOfThePage()
    {
        var section = Repository.Read(Page).Split("## NATS: subjects and messages", 2)[1];
        var blocks = CodeBlock.In(section).Where(block => block.Language == "hex").Take(2).Select(HexBlock).ToArray();
        var offset = 0;
        foreach (var bytes in (string[])["hel", "lo"])
        {
            var writer = new System.Buffers.ArrayBufferWriter<byte>();
            NatsFrame.WritePart(writer, new NatsPart(0x0102030405060708, 7, 5, offset), Encoding.UTF8.GetBytes(bytes));
            Assert.Equal(Convert.ToHexString(blocks[offset == 0 ? 0 : 1]), Convert.ToHexString(writer.WrittenSpan));
            offset += bytes.Length;
        }

        var whole = new System.Buffers.ArrayBufferWriter<byte>();
        NatsFrame.WriteWhole(whole, "hi"u8);
        Assert.Equal("006869", Convert.ToHexString(whole.WrittenSpan));
    }

    private static IEnumerable<string> ResumeLines() =>
        CodeBlock.In(Repository.Read(Page)).Single(static block => block.Language == "resume").Lines.Where(static line => line.StartsWith("> ", StringComparison.Ordinal) || line.StartsWith("< ", StringComparison.Ordinal));

    /// <summary>What the server writes for the words of a line.</summary>
    private static string Written(string[] words)
    {
        Span<byte> bytes = stackalloc byte[IMessagePrefix.MaxBytes];
        return words switch
        {
            ["s", var id, var token, var number] => ResumeV1.Session(id, token, Number(number)),
            ["m", var number] => Encoding.ASCII.GetString(bytes[..ResumeV1.WriteNumber(bytes, Number(number))]),
            ["u"] => Encoding.ASCII.GetString(bytes[..ResumeV1.WriteUnnumbered(bytes)]),
            ["g"] => ResumeV1.Gap(),
            ["a" or "d", var id] => ResumeV1.Handled(id, isRepeat: words[0] == "d"),
            ["r"] => ResumeV1.Return(),
            _ => $"The server writes no such line: {string.Join(' ', words)}",
        };

        static long Number(string text) => long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
    }

    private static string[] List(NameList names)
    {
        var list = new List<string>();
        foreach (var name in names)
        {
            list.Add(name.ToString());
        }

        return [.. list];
    }

    private static IEnumerable<IReadOnlyList<string>> Rows(params string[] columns) =>
        MarkdownTable.In(Repository.Read(Page)).Single(table => table.Columns.SequenceEqual(columns)).Rows;

    private static byte[] HexBlock(CodeBlock block) =>
        Convert.FromHexString(string.Concat(block.Lines.Select(line => line.Split(';')[0].Replace(" ", "", StringComparison.Ordinal))));

    private sealed class FixedTimeProvider(DateTimeOffset now) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => now;
    }

    private sealed class CapturingBackplane : BroadcastBackplane
    {
        public byte[] Captured { get; private set; } = [];

        public override string System => "capturing";

        public override ValueTask DisposeAsync() => ValueTask.CompletedTask;

        protected override ValueTask StartTransportAsync(CancellationToken cancellationToken) => ValueTask.CompletedTask;

        protected override ValueTask BroadcastAsync(ReadOnlyMemory<byte> payload, CancellationToken cancellationToken)
        {
            Captured = payload.ToArray();
            return ValueTask.CompletedTask;
        }
    }
}
