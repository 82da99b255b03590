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
         select new SentFrame(
             kind, kind == WebSocketTargetKind.All ? [] : [.. names], [.. excluded], id, isText, string.Concat(Enumerable.Repeat(text, repeats)))).ToArbitrary();

    private static Arbitrary<RemoteCommand> Commands =>
        (from kind in Gen.Elements(Enum.GetValues<RemoteCommandKind>())
         from subject in AnyName
         from groups in AnyName
         from code in ArbMap.Default.GeneratorFor<ushort>()
         from reason in AnyName
         select new RemoteCommand(kind, subject, groups, code, reason)).ToArbitrary();

    private static Gen<string> AnyName => HostileNames.Gen;

    [Fact]
    public void Frame_WrittenAndRead_IsTheSame() => Fuzz.Values(SentFrames, 300, sent =>
    {
        Assert.True(Envelope.TryRead(sent.Write(), out var read));
        Assert.Equal((EnvelopeKind.Frame, "node-a"), (read.Kind, Encoding.UTF8.GetString(read.Origin)));
        Assert.Equal((sent.Kind, sent.MessageId), (read.Target, read.MessageId));
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

    [Fact]
    public void Command_WrittenAndRead_IsTheSame() => Fuzz.Values(Commands, 200, command =>
    {
        var id = Guid.NewGuid();
        var bytes = s_writer.WriteCommand(id, command, out var length).AsMemory(0, length);
        Assert.True(Envelope.TryRead(bytes, out var envelope));
        Assert.True(envelope.Body().TryReadCommand(out var requestId, out var read));
        Assert.Equal((id, command), (requestId, read));
        for (var cut = 0; cut < length; cut++)
        {
            Assert.False(Envelope.TryRead(bytes[..cut], out envelope) && envelope.Body().TryReadCommand(out _, out _), $"{cut} of {length} bytes were taken for a command.");
        }
    });

    [Fact]
    public void Reader_AnyBytes_ReadsNothingBeyondThemAndAllocatesLittle()
    {
        // Every kind of read after every other, whatever the envelope says it is.
        Fuzz.Bytes(Corpus.Load("Envelopes"), 100_000, 400, static bytes => Allocations.AssertBounded(bytes.Length, Multiple, 1_024, () =>
        {
            if (!Envelope.TryRead(bytes, out var envelope))
            {
                return;
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
            if (!Envelope.TryRead(bytes, out _))
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
        return bytes => Envelope.TryRead(bytes, out var envelope) && dispatcher.TryDispatch(node.Hub, envelope, served);
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

    private sealed record SentFrame(WebSocketTargetKind Kind, string[] Names, string[] Excluded, Guid MessageId, bool IsText, string Text)
    {
        internal byte[] Write()
        {
            using var frame = SharedFrame.Encode(IsText ? WebSocketMessage.Text(Text) : WebSocketMessage.Binary(Encoding.UTF8.GetBytes(Text)));
            return s_writer.WriteFrame(Kind, Names, Excluded, MessageId, frame, out var length)[..length];
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
