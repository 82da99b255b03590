using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>The control frames (RFC 6455 §5.5): the platform's, our pings, and close frames where the platform leaves them to us.</summary>
internal sealed partial class OutboundQueue
{
    private static readonly byte[] s_ping = [0x89, 0x00];

    private PlatformWrite? _ping;

    /// <summary>Whether a ping has been queued that the transport has not taken yet.</summary>
    internal bool IsPingWaiting => Volatile.Read(ref _ping) is { Completion.Task.IsCompleted: false };

    /// <summary>The code of a close frame that the platform wrote, if any.</summary>
    internal WebSocketCloseStatus? PlatformCloseStatus { get; private set; }

    /// <summary>Queues what the platform's WebSocket writes: a whole control frame. A close frame goes behind what waits.</summary>
    internal Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var write = new PlatformWrite(bytes.ToArray());
        lock (_gate)
        {
            AddLocked(write);
        }

        Start();
        return write.Completion.Task;
    }

    /// <summary>
    /// Queues a ping without a payload (RFC 6455 §5.5.2); none while the last one still waits, and none once the connection begins to end,
    /// as nothing may follow a close frame.
    /// </summary>
    internal void Ping()
    {
        var write = new PlatformWrite(s_ping);
        lock (_gate)
        {
            if (_intake != OutboundIntake.Open || IsPingWaiting)
            {
                return;
            }

            Volatile.Write(ref _ping, write);
            AddLocked(write);
        }

        write.Completion.Task.Observe(); // a write that fails is told to the owner
        Start();
    }

    /// <summary>Queues the ping whose pong says that the server's pipe is empty, if there is need for it.</summary>
    internal void AskIfDrained()
    {
        if (_pump.MakeQuestion() is not { } question)
        {
            return;
        }

        lock (_gate)
        {
            if (_intake != OutboundIntake.Open)
            {
                return;
            }

            AddLocked(question);
        }

        question.Completion.Task.Observe();
        Start();
    }

    /// <summary>Queues a close frame behind what waits, where the platform has given up without one.</summary>
    internal void Close(WebSocketCloseStatus status)
    {
        var write = new PlatformWrite([0x88, 0x02, (byte)((int)status >> 8), (byte)status]);
        lock (_gate)
        {
            if (PlatformCloseStatus is not null)
            {
                return;
            }

            AddLocked(write);
        }

        write.Completion.Task.Observe();
        Start();
    }

    private void AddLocked(PlatformWrite write)
    {
        if (write.IsClose)
        {
            CompleteLocked();
            PlatformCloseStatus = write.CloseStatus;
        }

        if (_failure is not null)
        {
            write.Completion.TrySetException(_failure);
            return;
        }

        _backlog.Add(write);
        GetReadyLocked();
    }
}
