using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>What a logged send costs a node that holds no target, and what each recipient adds.</summary>
public sealed class LogLaneCostTests
{
    [Theory]
    [InlineData(WebSocketTargetKind.All)]
    [InlineData(WebSocketTargetKind.Groups)]
    [InlineData(WebSocketTargetKind.Users)]
    [InlineData(WebSocketTargetKind.Connections)]
    public async Task Entry_ForNobodyHere_AllocatesNothing(WebSocketTargetKind kind)
    {
        const int Entries = 1_000;
        var server = new FakeLogServer();
        var log = new FakeMessageLog(server);
        await using var node = await AppNode.StartAsync(options: static options => options.EnableLog = true, build: sockets => sockets.UseMessageLog(_ => log));
        await node.Services.GetRequiredService<HubLogs>().AdmitAsync(node.Hub);
        string[] names = kind == WebSocketTargetKind.All ? [] : kind == WebSocketTargetKind.Connections ? ["other-node.AAAA", "other-node.BBBB"] : ["red", "green"];
        var writer = new EnvelopeWriter("other-node");
        using var frame = writer.Encode(kind, names, [], WebSocketMessage.Text(new string('x', 100)), null);
        var payload = frame.Envelope.ToArray();
        HandOver(1);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var offset = 2; offset <= Entries; offset++)
        {
            HandOver(offset);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(new(server.Epoch, Entries), node.Services.GetRequiredService<HubLogs>().LaneOf(node.Hub)!.Position);

        void HandOver(long offset) => log.Receiver.OnAppended(
            "probe", server.Epoch, new() { Offset = offset, PreviousOffset = offset - 1, AppendedAt = default, Payload = payload });
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Entry_ForManyHere_AllocatesNothingForEachOfThem(bool areSessions)
    {
        const int Few = 5;
        const int Many = 60; // so few that one thread delivers to all
        const int Entries = 500;
        var server = new FakeLogServer();
        var log = new FakeRecordLog(server);
        await using var node = await AppNode.StartAsync(options: static options => options.EnableLog = options.EnableResume = true, build: sockets => sockets.UseMessageLog(_ => log));
        await node.Services.GetRequiredService<HubLogs>().AdmitAsync(node.Hub);
        var connections = new List<Connection>();
        using var frame = new EnvelopeWriter("other-node").Encode(WebSocketTargetKind.All, [], [], WebSocketMessage.Text(new string('x', 100)), null);
        var payload = frame.Envelope.ToArray();
        var offset = 0L;
        var few = Measure(Few);
        var many = Measure(Many);

        Assert.Equal(areSessions ? Entries + 1 : 0, connections[^1].Session?.Numbers.Last.Number ?? 0); // of the second half
        Assert.InRange((many - few) / ((double)(Many - Few) * Entries), -1, 1); // bytes: an idle queue gives its memory back now and then, and an object for each would be 24 at least
        foreach (var connection in connections)
        {
            node.Hub.Remove(connection);
        }

        long Measure(int count)
        {
            while (connections.Count < count)
            {
                connections.Add(Connect());
            }

            HandOver(); // queues and rings grow with the first one
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Entries; i++)
            {
                HandOver();
            }

            return GC.GetAllocatedBytesForCurrentThread() - before;
        }

        void HandOver()
        {
            offset++;
            log.Receiver.OnAppended("probe", server.Epoch, new() { Offset = offset, PreviousOffset = offset - 1, AppendedAt = default, Payload = payload });
            foreach (var connection in connections)
            {
                Assert.True(connection.Session?.Numbers.TryAcknowledge(connection.Session.Numbers.Last.Number) != false);
            }
        }

        Connection Connect()
        {
            ResumableSession? session = null;
            if (areSessions)
            {
                session = new(SessionId.Create(), new() { Owner = node.Hub.Name, Position = new(server.Epoch, offset), Number = 0, TokenDigest = new byte[32] }, 1, node.Hub.Options);
                node.Hub.Sessions.Add(session, isNew: true);
            }

            var connection = new Connection(
                new DefaultHttpContext(),
                WebSocket.CreateFromStream(new MemoryStream(), new()),
                new TapStream(Stream.Null, new FixedWriter(), TimeProvider.System),
                node.Hub.Name,
                null,
                node.Services.GetRequiredService<ConnectionServices>(),
                session: session);
            session?.TryAttach(connection);
            connection.Queue.CatchUp(offset);
            node.Hub.Add(connection);
            return connection;
        }
    }

    /// <summary>Takes all at once into memory of its own.</summary>
    private sealed class FixedWriter : PipeWriter
    {
        private readonly byte[] _buffer = new byte[4_096];

        public override void Advance(int bytes)
        {
        }

        public override Memory<byte> GetMemory(int sizeHint = 0) => _buffer;

        public override Span<byte> GetSpan(int sizeHint = 0) => _buffer;

        public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => default;

        public override void CancelPendingFlush()
        {
        }

        public override void Complete(Exception? exception = null)
        {
        }
    }
}
