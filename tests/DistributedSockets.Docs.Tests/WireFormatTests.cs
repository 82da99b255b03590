using System.Globalization;
using System.IO.Compression;
using System.IO.Hashing;
using System.Text;
using DistributedSockets.Docs.Tests.Markdown;

namespace DistributedSockets.Docs.Tests;

/// <summary>Reads <c>docs/wire-format.md</c> and holds it against the real writer and reader.</summary>
public sealed class WireFormatTests
{
    private const string Page = "docs/wire-format.md";

    private static readonly string[] s_targets = ["all", "connections", "users", "groups"];
    private static readonly string[] s_commands =
        ["", "add to group", "remove from group", "remove from all groups", "disconnect", "disconnect user", "disconnect group", "withdraw", "find"];

    private static readonly string[] s_outcomes = ["", "done", "not found", "backplane away", "too many groups"];

    public static TheoryData<string> Vectors => [.. Vector.All().Keys];

    public static TheoryData<string, string> RefusedBytes
    {
        get
        {
            var data = new TheoryData<string, string>();
            foreach (var row in Rows("bytes", "what is wrong"))
            {
                data.Add(MarkdownTable.Plain(row[0]), row[1]);
            }

            return data;
        }
    }

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
    public void Page_Vectors_CoverEveryKindOfEnvelopeAndTarget()
    {
        var vectors = Vector.All().Values;

        Assert.Equal(["command", "frame", "reply"], vectors.Select(vector => vector["envelope"]).Distinct().Order());
        Assert.Equal(s_targets.Order(), vectors.Where(vector => vector.Has("target")).Select(vector => vector["target"]).Distinct().Order());
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Vector_Written_HasTheBytesOfThePage(string title)
    {
        var vector = Vector.All()[title];
        var writer = new EnvelopeWriter(vector["origin"]);
        int length;
        byte[] written;
        switch (vector["envelope"])
        {
            case "frame":
                using (var frame = vector.Frame())
                {
                    written = writer.WriteFrame(
                        (WebSocketTargetKind)Array.IndexOf(s_targets, vector["target"]),
                        vector.List("names"),
                        vector.List("excluded"),
                        vector.Id("message id"),
                        frame,
                        out length);
                }

                break;
            case "command":
                written = writer.WriteCommand(vector.Id("request id"), vector.Command, out length);
                break;
            default:
                written = writer.WriteReply(
                    vector.Id("request id"), (RemoteCommandOutcome)Array.IndexOf(s_outcomes, vector["outcome"]), out length);
                break;
        }

        Assert.Equal(Convert.ToHexString(vector.Bytes), Convert.ToHexString(written, 0, length));
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public void Vector_Read_HasTheFieldsOfThePage(string title)
    {
        var vector = Vector.All()[title];
        Assert.True(Envelope.TryRead(vector.Bytes, out var envelope));
        Assert.Equal(vector["origin"], Encoding.UTF8.GetString(envelope.Origin));
        Assert.Equal(vector["envelope"], envelope.Kind.ToString().ToLowerInvariant());
        switch (envelope.Kind)
        {
            case EnvelopeKind.Frame:
                Assert.Equal(vector["target"], s_targets[(int)envelope.Target]);
                Assert.Equal(vector.Id("message id"), envelope.MessageId);
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
                Assert.Equal(vector.Id("request id"), commandId);
                Assert.Equal(vector.Command, command);
                break;
            default:
                Assert.True(envelope.Body().TryReadReply(out var requestId, out var outcome));
                Assert.Equal(vector.Id("request id"), requestId);
                Assert.Equal(vector["outcome"], s_outcomes[(int)outcome]);
                break;
        }
    }

    [Fact]
    public void Vector_Compressed_InflatesToItsFrame()
    {
        var vector = Assert.Single(Vector.All().Values, static vector => vector.Compressed.Length > 0);
        using var deflate = new DeflateStream(new MemoryStream([.. vector.Compressed, 0, 0, 0xFF, 0xFF]), CompressionMode.Decompress);
        using var inflated = new MemoryStream();
        deflate.CopyTo(inflated);

        Assert.Equal(vector.Message.Data.ToArray(), inflated.ToArray());
    }

    [Theory]
    [MemberData(nameof(Vectors))]
    public async Task Vector_Dispatched_IsTaken(string title)
    {
        using var host = await StartNodeAsync();

        Assert.True(Dispatch(host, Vector.All()[title].Bytes));
    }

    [Theory]
    [MemberData(nameof(RefusedBytes))]
    public async Task RefusedBytes_Dispatched_AreRefused(string hex, string problem)
    {
        using var host = await StartNodeAsync();

        Assert.False(Dispatch(host, Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))), $"Taken in spite of: {problem}.");
    }

    [Theory]
    [MemberData(nameof(FrameHeaders))]
    public void FrameHeader_OfAPayload_IsThatOfThePage(int payloadBytes, string header)
    {
        using var frame = SharedFrame.Encode(new(new byte[payloadBytes], System.Net.WebSockets.WebSocketMessageType.Text));

        Assert.Equal(header.Replace(" ", "", StringComparison.Ordinal), Convert.ToHexStringLower(frame.Bytes[..^payloadBytes].Span));
    }

    [Fact]
    public void SealedVector_SealedAndOpened_HasTheBytesOfThePage()
    {
        var table = MarkdownTable.In(Repository.Read(Page)).Single(table => table.Columns is ["sealed", "value"]);
        var fields = table.Rows.ToDictionary(row => row[0], row => MarkdownTable.Plain(row[1]), StringComparer.Ordinal);
        var bytes = HexBlock(CodeBlock.In(Repository.Read(Page).Split($"### {table.Heading}", 2)[1]).First(block => block.Language == "hex"));
        var content = Vector.All().Single(vector => vector.Key.StartsWith("Vector 1:", StringComparison.Ordinal)).Value.Bytes;
        var time = new FixedTimeProvider(DateTimeOffset.Parse(fields["sealed at"], CultureInfo.InvariantCulture));
        var options = new DistributedWebSocketsOptions();
        options.EnvelopeKeys.Add(fields["key"]);
        var ring = new EnvelopeKeyRing(Microsoft.Extensions.Options.Options.Create(options));
        var sealer = new EnvelopeSealer(ring.Sealing, Hex(fields["sender"]), long.Parse(fields["counter"], CultureInfo.InvariantCulture) - 1, time);

        var written = sealer.Seal(fields["channel"], content, out var length);

        Assert.Equal(Convert.ToHexString(bytes), Convert.ToHexString(written, 0, length));
        var opener = new EnvelopeOpener(ring, new(ring, time), Microsoft.Extensions.Options.Options.Create(options), time);
        Assert.Equal(EnvelopeVerdict.Taken, opener.Open(fields["channel"], 1, bytes, out var opened));
        Assert.Equal(content, opened.Bytes.ToArray());

        // The same with nothing of ours but the values of the page.
        using var cipher = new System.Security.Cryptography.AesGcm(Hex(fields["key of the sender"]), 16);
        var plain = new byte[content.Length];
        cipher.Decrypt(Hex(fields["nonce"]), bytes.AsSpan(37..^16), bytes.AsSpan(^16..), plain, [.. bytes[..37], .. Encoding.UTF8.GetBytes(fields["channel"])]);
        Assert.Equal(content, plain);
    }

    [Fact]
    public void Channels_OfAHub_AreThoseOfThePage()
    {
        var block = CodeBlock.In(Repository.Read(Page)).Single(block => block.Language == "channels");
        var hub = new HubConnections("chat", DistributedWebSocketsClusterOptions.DefaultPrefix, "node-a", new(RoutingStrategy.Interest), new SessionChanges(16, 65_536), new());

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

    private static bool Dispatch(IHost host, byte[] bytes)
    {
        var hub = host.Services.GetRequiredService<Hubs>().Get("chat");
        return Envelope.TryRead(bytes, out var envelope)
            && host.Services.GetRequiredService<EnvelopeDispatcher>().TryDispatch(hub, envelope, new DeliveredMessages(TimeProvider.System));
    }

    private static async Task<IHost> StartNodeAsync()
    {
        var builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddDistributedWebSockets();
        var host = builder.Build();
        await host.StartAsync(TestContext.Current.CancellationToken);
        return host;
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

    private static byte[] Hex(string text) => Convert.FromHexString(text.Replace(" ", "", StringComparison.Ordinal));

    private static byte[] HexBlock(CodeBlock block) =>
        Convert.FromHexString(string.Concat(block.Lines.Select(line => line.Split(';')[0].Replace(" ", "", StringComparison.Ordinal))));

    /// <summary>A vector of the page: the table of its fields and its bytes.</summary>
    private sealed class Vector(MarkdownTable table, byte[] bytes)
    {
        private readonly Dictionary<string, string> _fields = table.Rows.ToDictionary(row => row[0], row => row[1], StringComparer.Ordinal);

        public byte[] Bytes => bytes;

        public WebSocketMessage Message => _fields["frame"].Split(' ', 2) is ["text", var text]
            ? WebSocketMessage.Text(MarkdownTable.Plain(text))
            : WebSocketMessage.Binary(Convert.FromHexString(MarkdownTable.Plain(_fields["frame"].Split(' ', 2)[1]).Replace(" ", "", StringComparison.Ordinal)));

        /// <summary>The payload of the compressed frame; empty if there is none.</summary>
        public byte[] Compressed => Has("compressed") ? Convert.FromHexString(this["compressed"].Replace(" ", "", StringComparison.Ordinal)) : [];

        public RemoteCommand Command => new(
            (RemoteCommandKind)Array.IndexOf(s_commands, this["command"]), Text("subject"), Text("group"), (ushort)Number("close code"), Text("reason"));

        public string this[string field] => MarkdownTable.Plain(_fields[field]);

        public static Dictionary<string, Vector> All()
        {
            var page = Repository.Read(Page);
            var vectors = new Dictionary<string, Vector>(StringComparer.Ordinal);
            foreach (var table in MarkdownTable.In(page).Where(table => table.Heading.StartsWith("Vector ", StringComparison.Ordinal)))
            {
                var section = page.Split($"### {table.Heading}", 2)[1];
                vectors.Add(table.Heading, new(table, HexBlock(CodeBlock.In(section).First(block => block.Language == "hex"))));
            }

            return vectors;
        }

        /// <summary>The frame, with the compressed one that the page shows: what a compressor makes of a text may differ, and be right.</summary>
        public SharedFrame Frame()
        {
            var plain = SharedFrame.Encode(Message);
            if (Compressed.Length == 0)
            {
                return plain;
            }

            using (plain)
            {
                byte[] both = [.. plain.Bytes.Span, (byte)(plain.Bytes.Span[0] | 0x40), (byte)Compressed.Length, .. Compressed];
                Assert.True(SharedFrame.TryWrap(both, withDeflated: true, out var frame));
                return frame;
            }
        }

        public bool Has(string field) => _fields.ContainsKey(field);

        public ulong Number(string field) => ulong.Parse(this[field], CultureInfo.InvariantCulture);

        public Guid Id(string field) => this[field] == "none" ? Guid.Empty : Guid.Parse(this[field]);

        public string[] List(string field) => _fields[field] == "none" ? [] : [.. _fields[field].Split(", ").Select(MarkdownTable.Plain)];

        private string Text(string field) => _fields[field] == "none" ? "" : this[field];
    }

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
