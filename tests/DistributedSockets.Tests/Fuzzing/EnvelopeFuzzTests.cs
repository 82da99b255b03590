using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Text;
using DistributedSockets.Testing;
using DistributedSockets.Fuzzing;
using FsCheck;
using FsCheck.Fluent;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What anyone may publish on a channel of ours: it is read or refused, and costs no more than its size.</summary>
public sealed class EnvelopeFuzzTests
{
    private const int Multiple = 8;

    private const int Allowance = 64 * 1024;

    private static readonly EnvelopeWriter s_writer = new("node-a");
    private static readonly EnvelopeExtension[] s_extensions = EnvelopeExtension.All;

    /// <summary>A frame envelope with names of every kind.</summary>
    private static Arbitrary<SentFrame> SentFrames =>
        (from kind in Gen.Elements(Enum.GetValues<WebSocketTargetKind>())
         from nameCount in Gen.Choose(1, kind == WebSocketTargetKind.Connections ? 5 : 1)
         from names in AnyName.ListOf(nameCount)
         from excludedCount in Gen.Choose(0, 4)
         from excluded in AnyName.ListOf(excludedCount)
         from id in ArbMap.Default.GeneratorFor<Guid>()
         from isText in ArbMap.Default.GeneratorFor<bool>()
         from text in HostileNames.Text(30)
         from repeats in Gen.Frequency((20, Gen.Constant(1)), (1, Gen.Constant(20_000)))
         from trace in Traces
         select new SentFrame(
             kind, kind == WebSocketTargetKind.All ? [] : [.. names], [.. excluded], id, isText, string.Concat(Enumerable.Repeat(text, repeats)), trace)).ToArbitrary();

    /// <summary>No trace, or one with any state.</summary>
    private static Gen<ActivityContext> Traces =>
        Gen.OneOf(
            Gen.Constant(default(ActivityContext)),
            from state in HostileNames.Text(600)
            select new ActivityContext(ActivityTraceId.CreateRandom(), ActivitySpanId.CreateRandom(), ActivityTraceFlags.Recorded, state));

    /// <summary>Extension areas of any version, well formed but for what their ids and lengths say.</summary>
    private static Arbitrary<(byte Id, byte[] Value)[]> ExtensionAreas =>
        (from ids in Gen.Frequency((3, Gen.Elements<byte>(1, 0x7F, 0x80, 0x81, 0x82, 0xFF)), (1, Gen.Choose(1, 255).Select(static id => (byte)id))).ListOf()
         from values in Gen.Frequency(
                 (4, Gen.Choose(0, 30)), (1, Gen.Elements(TraceContextValue.MinBytes, TraceContextValue.MaxBytes, TraceContextValue.MaxBytes + 1, 2_000)))
             .SelectMany(static length => Gen.Choose(0, 255).Select(static value => (byte)value).ListOf(length)).ListOf(ids.Count)
         select ids.Zip(values, static (id, value) => (id, value.ToArray())).DistinctBy(static extension => extension.id).OrderBy(static extension => extension.id).Take(20).ToArray())
        .ToArbitrary();

    private static Arbitrary<RemoteCommand> Commands =>
        (from kind in Gen.Elements(Enum.GetValues<RemoteCommandKind>())
         from subject in AnyName
         from groups in AnyName
         from code in ArbMap.Default.GeneratorFor<ushort>()
         from reason in AnyName
         select kind == RemoteCommandKind.Ask
             ? new RemoteCommand(kind, subject) { Message = WebSocketMessage.Text(reason), AnswerTimeout = TimeSpan.FromMilliseconds(code) }
             : new RemoteCommand(kind, subject, groups, code, reason)).ToArbitrary();

    private static Gen<string> AnyName => HostileNames.Gen;

    [Fact]
    public void Frame_WrittenAndRead_IsTheSame() => Fuzz.Values(SentFrames, 300, sent =>
    {
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(sent.Write(), EnvelopeKnowledge.Current, out var read));
        Assert.Equal((EnvelopeKind.Frame, "node-a"), (read.Kind, Encoding.UTF8.GetString(read.Origin)));
        Assert.Equal((sent.Kind, sent.MessageId), (read.Target, read.MessageId));
        Assert.Equal(sent.Trace != default, read.TryGetTraceContext(out var trace));
        Assert.Equal((sent.Trace.TraceId, sent.Trace.SpanId, sent.Trace.TraceFlags), (trace.TraceId, trace.SpanId, trace.TraceFlags));
        Assert.True(trace.TraceState is null || trace.TraceState == sent.Trace.TraceState);
        var names = read.Names(new char[NameList.ScratchChars]);
        Assert.Equal(sent.Names.Length, names.Count);
        Assert.Equal(Possible(sent.Names), EnvelopeNames.List(names));
        var excluded = read.Excluded(new char[NameList.ScratchChars]);
        Assert.Equal(sent.Excluded.Length, excluded.Count);
        Assert.Equal(Possible(sent.Excluded), EnvelopeNames.List(excluded));
        Assert.True(SharedFrame.TryWrap(read.Frame, read.HasDeflated, out var frame));
        using (frame)
        {
            Assert.Equal(sent.Text, Encoding.UTF8.GetString(frame.Payload.Span));
            Assert.Equal(sent.IsText, frame.MessageType == System.Net.WebSockets.WebSocketMessageType.Text);
        }
    });

    /// <summary>Bytes that are refused at their beginning lead nowhere, whatever is made of them.</summary>
    [Fact]
    public void Corpus_Envelopes_AreForTheMostPartOnesThatAreTaken()
    {
        var kinds = new List<EnvelopeKind>();
        foreach (var bytes in Corpus.Load("Envelopes"))
        {
            if (Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken)
            {
                kinds.Add(envelope.Kind);
            }
        }

        Assert.True(kinds.Count(static kind => kind == EnvelopeKind.Frame) >= 12, "frames");
        Assert.True(kinds.Count(static kind => kind == EnvelopeKind.Command) >= 12, "commands");
        Assert.True(kinds.Count(static kind => kind == EnvelopeKind.Reply) >= 3, "replies");
    }

    [Fact]
    public void Command_WrittenAndRead_IsTheSame() => Fuzz.Values(Commands, 200, command =>
    {
        var id = Guid.NewGuid();
        var bytes = s_writer.WriteCommand(id, command, out var length).AsMemory(0, length);
        Assert.Equal(EnvelopeVerdict.Taken, Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope));
        Assert.True(envelope.Body().TryReadCommand(out var requestId, out var read));
        Assert.Equal((id, command with { Message = default }), (requestId, read with { Message = default }));
        Assert.Equal((command.Message.MessageType, command.Message.GetText()), (read.Message.MessageType, read.Message.GetText()));
        for (var cut = 0; cut < length; cut++)
        {
            Assert.False(Envelope.Read(bytes[..cut], EnvelopeKnowledge.Current, out envelope) == EnvelopeVerdict.Taken && envelope.Body().TryReadCommand(out _, out _), $"{cut} of {length} bytes were taken for a command.");
        }
    });

    [Fact]
    public void Extensions_OfAnyVersion_ArePassedOverOrRefusedAsTheirNumbersSay() => Fuzz.Values(ExtensionAreas, 300, static area =>
    {
        byte[] bytes = [.. area.SelectMany(static extension => (byte[])[extension.Id, (byte)extension.Value.Length, (byte)(extension.Value.Length >> 8), .. extension.Value])];
        var plain = new SentFrame(WebSocketTargetKind.Users, ["alice"], [], Guid.Empty, true, "hi").Write();
        byte[] envelope = [.. plain[..11], (byte)bytes.Length, (byte)(bytes.Length >> 8), .. bytes, .. plain[13..]];
        var refused = area.Any(static extension => extension.Id < EnvelopeKnowledge.MayBeIgnored && EnvelopeKnowledge.Current.FindExtension(extension.Id) is null);
        var wrong = area.Any(static extension => extension.Id < EnvelopeKnowledge.MayBeIgnored && EnvelopeKnowledge.Current.FindExtension(extension.Id) is { } known && !Fits(known, extension.Value));

        Assert.Equal(
            wrong ? EnvelopeVerdict.Unreadable : refused ? EnvelopeVerdict.NotUnderstood : EnvelopeVerdict.Taken,
            Envelope.Read(envelope, EnvelopeKnowledge.Current, out var read));
        for (var cut = 0; cut < 13 + bytes.Length; cut++)
        {
            Assert.Equal(EnvelopeVerdict.Unreadable, Envelope.Read(envelope[..cut], EnvelopeKnowledge.Current, out _));
        }

        if (wrong || refused)
        {
            return;
        }

        Assert.Equal("alice", Assert.Single(EnvelopeNames.List(read.Names(new char[NameList.ScratchChars]))));
        Assert.True(SharedFrame.IsFrame(read.Frame.Span, read.HasDeflated));
        foreach (var known in EnvelopeExtension.All)
        {
            var sent = area.FirstOrDefault(extension => extension.Id == known.Id && Fits(known, extension.Value)).Value;
            Assert.Equal(sent is not null, read.TryFind(known, out var value));
            Assert.Equal(sent ?? [], value.ToArray());
        }

        static bool Fits(EnvelopeExtension known, byte[] value) => value.Length >= known.MinBytes && value.Length <= known.MaxBytes;
    });

    [Fact]
    public void Reader_AnyBytes_ReadsNothingBeyondThemAndAllocatesLittle()
    {
        // Every kind of read after every other, whatever the envelope says it is.
        Fuzz.Bytes(Corpus.Load("Envelopes"), 100_000, 400, static bytes => Allocations.AssertBounded(bytes.Length, Multiple, 1_024, () =>
        {
            if (Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope) != EnvelopeVerdict.Taken)
            {
                return;
            }

            envelope.TryGetTraceContext(out _);
            foreach (var extension in s_extensions)
            {
                Assert.True(!envelope.TryFind(extension, out var value) || (value.Length >= extension.MinBytes && value.Length <= extension.MaxBytes));
            }

            if (envelope.Kind == EnvelopeKind.Frame)
            {
                Span<char> scratch = stackalloc char[NameList.ScratchChars];
                var passed = 0;
                foreach (var _ in envelope.Names(scratch))
                {
                    passed++;
                }

                foreach (var _ in envelope.Excluded(scratch))
                {
                    passed++;
                }

                Assert.InRange(passed, 0, bytes.Length / sizeof(ushort));
                Assert.InRange(envelope.Frame.Length, 0, bytes.Length);
                _ = envelope.MessageId;
            }

            var reader = envelope.Body();
            reader.TryReadCommand(out _, out _);
            reader = envelope.Body();
            reader.TryReadReply(out _, out _);
            reader.TryReadString(out _);
            while (reader.TryReadByte(out _) && reader.TryReadBytes(out _) && reader.TrySkipStrings(out _) && reader.TrySkip(16))
            {
                Assert.InRange(reader.Position, 0, bytes.Length);
            }
        }));
    }

    [Fact]
    public void Frame_AnyBytes_IsRefusedOrIsOneWholeFrame() => Fuzz.Bytes(Corpus.Load("Frames"), 100_000, 300, static bytes =>
    {
        foreach (var withDeflated in new[] { false, true })
        {
            Allocations.AssertBounded(0, 0, 1_024, () =>
            {
                if (SharedFrame.TryWrap(bytes, withDeflated, out var frame))
                {
                    Assert.Equal(bytes.Length, frame.Length + frame.Deflated.Length);
                    Assert.True(frame.Bytes.Span[0] is 0x81 or 0x82);
                    Assert.True(frame.Payload.Length < frame.Length);
                    frame.Release();
                }
            });
        }
    });

    [Fact]
    public async Task Dispatch_EnvelopesCutAnywhere_AreRefused()
    {
        await using var node = await AppNode.StartAsync();
        var dispatch = Dispatcher(node);

        Fuzz.Values(SentFrames, 100, sent =>
        {
            // Between the names and the frame of a large one there is nothing new in the middle.
            var envelope = sent.Write();
            for (var cut = 0; cut < envelope.Length; cut += cut > 400 && envelope.Length - cut > 400 ? 397 : 1)
            {
                Assert.False(dispatch(envelope[..cut]), $"{cut} of {envelope.Length} bytes were taken for an envelope.");
            }

            Assert.True(dispatch(envelope));
        });
    }

    [Fact]
    public async Task Dispatch_AnyBytes_CostsNoMoreThanTheirSize()
    {
        await using var node = await AppNode.StartAsync();
        await using var crowd = await Crowd.GatherAsync(node);
        byte[][] corpus = [.. Corpus.Load("Envelopes"), .. crowd.Envelopes(times: 3)];

        Fuzz.Bytes(corpus, 50_000, 1_200, crowd.AssertCheap);

        await using var late = await node.ConnectAsync("late");
        await node.Router.SendToUserAsync("late", "still served", TestContext.Current.CancellationToken);
        Assert.Equal("still served", await late.ReceiveTextAsync());
    }

    [Theory]
    [InlineData(20)]
    [InlineData(65_535)]
    public async Task Dispatch_OneNameOverAndOver_CostsNoMoreThanItsSize(int times)
    {
        await using var node = await AppNode.StartAsync();
        await using var crowd = await Crowd.GatherAsync(node);

        Assert.All(crowd.Envelopes(times), crowd.AssertCheap);
    }

    /// <summary>The whole way, from the backplane's reader over the lanes to the counters.</summary>
    [Fact]
    public async Task Receive_AnyBytesOnOurChannels_AreCountedAndReportedOnceInAWhile()
    {
        var cluster = new InMemoryCluster();
        await using var node = await AppNode.StartAsync(cluster);
        await using var other = await AppNode.StartAsync(cluster);
        await using var client = await node.ConnectAsync("alice");
        var foreign = new InMemoryBackplane(cluster);
        await foreign.StartAsync(Moq.Mock.Of<IBackplaneReceiver>(), TestContext.Current.CancellationToken);
        string[] channels = [node.Hub.AllChannel, node.Hub.OwnChannel, node.Hub.UserChannel("alice")];
        var dropped = 0L;
        using var listener = Listen(node, "distributed_sockets.backplane.dropped_envelopes", count => Interlocked.Add(ref dropped, count));

        var started = TimeProvider.System.GetTimestamp();
        var unreadable = 0;
        Fuzz.Bytes(Corpus.Load("Envelopes"), 20_000, 600, bytes =>
        {
            if (Envelope.Read(bytes, EnvelopeKnowledge.Current, out _) is not (EnvelopeVerdict.Taken or EnvelopeVerdict.Ignored))
            {
                unreadable++;
                var publish = foreign.PublishAsync(channels[unreadable % channels.Length], bytes, TestContext.Current.CancellationToken);
                Assert.True(publish.IsCompletedSuccessfully);
            }
        });
        var seconds = TimeProvider.System.GetElapsedTime(started).TotalSeconds;

        Assert.True(unreadable > 100);
        Assert.Equal(unreadable, Interlocked.Read(ref dropped));
        Assert.InRange(node.Logs.GetSnapshot().Count(entry => entry.Id.Id == 150), 1, (int)seconds + 2);
        await other.Router.SendToUserAsync("alice", "still served", TestContext.Current.CancellationToken);
        Assert.Equal("still served", await client.ReceiveTextAsync());
    }

    private static Func<byte[], bool> Dispatcher(AppNode node)
    {
        var dispatcher = node.Services.GetRequiredService<EnvelopeDispatcher>();
        var served = new DeliveredMessages(TimeProvider.System);
        return bytes => Envelope.Read(bytes, EnvelopeKnowledge.Current, out var envelope) == EnvelopeVerdict.Taken && dispatcher.TryDispatch(node.Hub, envelope, TimeProvider.System.GetTimestamp(), served);
    }

    private static MeterListener Listen(AppNode node, string counter, Action<long> counted)
    {
        var listener = new MeterListener
        {
            InstrumentPublished = (instrument, self) =>
            {
                if (instrument.Name == counter && instrument.Meter.Scope == node.Services.GetRequiredService<IMeterFactory>())
                {
                    self.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((_, measurement, _, _) => counted(measurement));
        listener.Start();
        return listener;
    }

    /// <summary>The names that somebody may have; those that are too long are passed over.</summary>
    private static IEnumerable<string> Possible(string[] names) => names.Where(static name => Encoding.UTF8.GetByteCount(name) <= Names.MaxBytes);

    private sealed record SentFrame(WebSocketTargetKind Kind, string[] Names, string[] Excluded, Guid MessageId, bool IsText, string Text, ActivityContext Trace = default)
    {
        internal byte[] Write()
        {
            using var frame = SharedFrame.Encode(IsText ? WebSocketMessage.Text(Text) : WebSocketMessage.Binary(Encoding.UTF8.GetBytes(Text)));
            return s_writer.WriteFrame(Kind, Names, Excluded, MessageId, frame, out var length, new() { TraceContext = Trace })[..length];
        }
    }

    /// <summary>Connections with the names of the corpus, so that much could be done for few bytes. They read all they get.</summary>
    private sealed class Crowd : IAsyncDisposable
    {
        private readonly List<TestClient> _clients = [];
        private readonly List<Task> _reading = [];
        private readonly Func<byte[], bool> _dispatch;
        private readonly MeterListener _listener;
        private long _sent;

        private Crowd(AppNode node)
        {
            _dispatch = Dispatcher(node);
            _listener = Listen(node, "distributed_sockets.sent_frames", count => Interlocked.Add(ref _sent, count));
        }

        internal static async Task<Crowd> GatherAsync(AppNode node)
        {
            var crowd = new Crowd(node);
            foreach (var user in new[] { "alice", "carol", "x" })
            {
                var client = await node.ConnectAsync(user);
                crowd._clients.Add(client);
                foreach (var group in new[] { "red", "blue", "a" })
                {
                    await node.Router.AddToGroupAsync(client.Id, group, TestContext.Current.CancellationToken);
                }

                crowd._reading.Add(ReadAsync(client));
            }

            return crowd;
        }

        /// <summary>Envelopes that name a connection, user or group of the crowd so many times.</summary>
        internal byte[][] Envelopes(int times)
        {
            using var frame = SharedFrame.Encode(WebSocketMessage.Text("hi"));
            string[] id = [.. Enumerable.Repeat(_clients[0].Id, times)];
            return
            [
                Write(WebSocketTargetKind.Connections, id, []),
                Write(WebSocketTargetKind.Connections, [.. id, _clients[1].Id], id),
                Write(WebSocketTargetKind.Users, [.. Enumerable.Repeat("alice", times)], []),
                Write(WebSocketTargetKind.Groups, [.. Enumerable.Repeat("red", times)], []),
                Write(WebSocketTargetKind.Groups, [.. Enumerable.Repeat("red", times)], id),
                Write(WebSocketTargetKind.All, [], id),
                s_writer.WriteCommand(Guid.NewGuid(), new(RemoteCommandKind.AddToGroup, id[0], "green"), out var length)[..length],
            ];

            byte[] Write(WebSocketTargetKind kind, string[] names, string[] excluded)
            {
                names = names.Length > ushort.MaxValue ? names[..ushort.MaxValue] : names;
                return s_writer.WriteFrame(kind, names, excluded, Guid.Empty, frame, out var length)[..length];
            }
        }

        /// <summary>Asserts that an envelope, whatever it is, allocates little and brings nobody more than one frame.</summary>
        internal void AssertCheap(byte[] envelope) => Allocations.AssertBounded(envelope.Length, Multiple, Allowance, () =>
        {
            Interlocked.Exchange(ref _sent, 0);
            _dispatch(envelope);
            Assert.InRange(Interlocked.Read(ref _sent), 0, _clients.Count);
        });

        public async ValueTask DisposeAsync()
        {
            _listener.Dispose();
            foreach (var client in _clients)
            {
                client.Socket.Abort();
            }

            await Task.WhenAll(_reading).WithinGuardAsync();
        }

        private static async Task ReadAsync(TestClient client)
        {
            try
            {
                await client.ReceiveCloseAsync();
            }
            catch (Exception exception) when (exception is System.Net.WebSockets.WebSocketException or OperationCanceledException or ObjectDisposedException)
            {
                // Its end, as the test had it.
            }
        }
    }
}
