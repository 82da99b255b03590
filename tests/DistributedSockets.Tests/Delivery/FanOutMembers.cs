using System.IO.Pipelines;
using System.Net.WebSockets;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace DistributedSockets.Tests;

/// <summary>Connections of a node that count what is written to them.</summary>
internal sealed class FanOutMembers
{
    /// <param name="node">The node.</param>
    /// <param name="count">How many.</param>
    /// <param name="gates">What the writes to one of them wait for, on the thread that writes; null for nothing.</param>
    internal FanOutMembers(AppNode node, int count, Func<int, ManualResetEventSlim?>? gates = null)
    {
        var services = node.Services.GetRequiredService<ConnectionServices>();
        Streams = new CountingStream[count];
        Connections = new Connection[count];
        var set = new MemberSet("everyone");
        for (var i = 0; i < count; i++)
        {
            Streams[i] = new() { Gate = gates?.Invoke(i) };
            var tap = new TapStream(Stream.Null, PipeWriter.Create(Streams[i]), TimeProvider.System);
            Connections[i] = new(new DefaultHttpContext(), WebSocket.CreateFromStream(new MemoryStream(), new()), tap, "h", null, services);
            set.Add(Connections[i]);
        }

        List = set.Members;
    }

    internal Connection[] Connections { get; }

    internal CountingStream[] Streams { get; }

    internal MemberList List { get; }

    internal bool IsAllWritten => Connections.All(static connection => connection.Queue.QueuedBytes == 0);

    /// <summary>Queues a text and has it written.</summary>
    internal int Send(FanOutWriter writer, string text)
    {
        using var frame = SharedFrame.Encode(WebSocketMessage.Text(text));
        var queued = FanOut.Enqueue(List, frame, []);
        writer.Start(List);
        return queued;
    }

    internal sealed class CountingStream : MemoryStream
    {
        internal int Writes;

        internal volatile bool Waits;

        internal volatile ManualResetEventSlim? Gate;

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (Gate is { } gate)
            {
                Waits = true;
                gate.Wait(TimeSpan.FromSeconds(60), CancellationToken.None);
                Waits = false;
            }

            Interlocked.Increment(ref Writes);
            Write(buffer.Span);
            return ValueTask.CompletedTask;
        }
    }
}
