using System.Buffers;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>The one writer of a connection: writes inline when idle, joins what waits when busy, bounded in bytes and frames.</summary>
/// <remarks>
/// Queueing and writing are two steps, <see cref="TryEnqueue"/> and <see cref="Start"/>, so that a fan-out can settle the order of
/// its frames under a lock and write after it.
/// </remarks>
internal sealed class OutboundQueue(Stream stream, DistributedWebSocketsOptions options, IOutboundQueueOwner owner)
{
    private const int JoinBytes = 32 * 1024;

    /// <summary>How often a sender writes for others before it goes on with its own work.</summary>
    private const int MaxInlineWrites = 8;

    private static readonly byte[] s_ping = [0x89, 0x00];

    private readonly Lock _gate = new();
    private readonly Queue<SharedFrame> _frames = new();
    private readonly Queue<PlatformWrite> _platform = new();
    private TaskCompletionSource? _drained;
    private int _bytes;
    private int _dropped;
    private bool _writing;
    private bool _pumping;
    private bool _completed;
    private bool _full;
    private volatile bool _startNeeded;

    internal int QueuedBytes => Volatile.Read(ref _bytes);

    /// <summary>The code of a close frame that the platform wrote, if any.</summary>
    internal WebSocketCloseStatus? PlatformCloseStatus { get; private set; }

    /// <summary>Queues a frame, taking its own reference; false if it was dropped. Call <see cref="Start"/> afterwards in either case.</summary>
    internal bool TryEnqueue(SharedFrame frame)
    {
        lock (_gate)
        {
            if (_completed)
            {
                return false;
            }

            if (options.SlowConsumerPolicy == SlowConsumerPolicy.DropOldest)
            {
                while (_frames.Count > 0 && IsFull(frame))
                {
                    var oldest = _frames.Dequeue();
                    _bytes -= oldest.Length;
                    oldest.Release();
                    DropLocked(1);
                }
            }

            // An idle connection is never refused a frame: one that alone exceeds the limit would never fit.
            if (_bytes > 0 && IsFull(frame))
            {
                DropLocked(1);
                if (options.SlowConsumerPolicy == SlowConsumerPolicy.Close)
                {
                    DropLocked(_frames.Count);
                    CompleteLocked();
                    _full = true;
                }

                return false;
            }

            frame.AddReference();
            _frames.Enqueue(frame);
            _bytes += frame.Length;
            if (!_writing)
            {
                _writing = true;
                _startNeeded = true;
            }

            return true;
        }
    }

    /// <summary>Writes what <see cref="TryEnqueue"/> queued on an idle connection, and reports what it dropped.</summary>
    internal void Start()
    {
        if (!_startNeeded)
        {
            return;
        }

        bool start, full;
        int dropped;
        lock (_gate)
        {
            _startNeeded = false;
            start = _writing && !_pumping;
            _pumping |= start;
            full = _full;
            _full = false;
            dropped = _dropped;
            _dropped = 0;
        }

        if (dropped > 0)
        {
            owner.OnFramesDropped(dropped);
        }

        if (full)
        {
            owner.OnQueueFull();
        }

        if (start)
        {
            Pump();
        }
    }

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

    /// <summary>Queues a ping without a payload (RFC 6455 §5.5.2); none once the connection begins to end, as nothing may follow a close frame.</summary>
    internal void Ping()
    {
        var write = new PlatformWrite(s_ping);
        lock (_gate)
        {
            if (_completed)
            {
                return;
            }

            AddLocked(write);
        }

        Observe(write.Completion.Task);
        Start();
    }

    /// <summary>Takes no more frames; what is queued is still written.</summary>
    internal void Complete()
    {
        lock (_gate)
        {
            _completed = true;
        }
    }

    /// <summary>Waits until nothing waits and nothing is being written.</summary>
    internal Task DrainAsync()
    {
        lock (_gate)
        {
            return _writing ? (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task : Task.CompletedTask;
        }
    }

    /// <summary>Takes no more frames, drops what waits and releases it once the write in progress has ended.</summary>
    internal Task DisposeAsync()
    {
        lock (_gate)
        {
            CompleteLocked();
        }

        return DrainAsync();
    }

    private void AddLocked(PlatformWrite write)
    {
        if (write.IsClose)
        {
            _completed = true;
            PlatformCloseStatus = write.CloseStatus;
        }

        _platform.Enqueue(write);
        _writing = true;
        _startNeeded |= !_pumping;
    }

    private bool IsFull(SharedFrame frame) =>
        _frames.Count >= options.OutboundQueueFrames || _bytes + (long)frame.Length > options.OutboundQueueBytes;

    private void DropLocked(int count)
    {
        _dropped += count;
        _startNeeded = true; // Start reports it
    }

    private void CompleteLocked()
    {
        _completed = true;
        while (_frames.TryDequeue(out var frame))
        {
            _bytes -= frame.Length;
            frame.Release();
        }
    }

    /// <summary>Writes inline for as long as the transport takes all at once; allocates nothing then.</summary>
    private void Pump()
    {
        Batch batch = default;
        try
        {
            for (var writes = 0; writes < MaxInlineWrites; writes++)
            {
                if (!TryTake(ref batch))
                {
                    return;
                }

                var write = WriteThroughAsync(batch.Bytes);
                if (!write.IsCompletedSuccessfully)
                {
                    _ = PumpAsync(batch, write); // never throws; DrainAsync waits for it
                    return;
                }

                batch.Complete();
            }
        }
        catch (Exception exception)
        {
            Fail(batch, exception);
            return;
        }

        _ = PumpAsync(batch, null);
    }

    /// <summary>Goes on with a write that takes its time, or with the rest after many writes, on a thread of the pool.</summary>
    private async Task PumpAsync(Batch batch, ValueTask? write)
    {
        try
        {
            if (write is { } pending)
            {
                await pending;
                batch.Complete();
            }
            else
            {
                await Task.Yield();
            }

            while (TryTake(ref batch))
            {
                await WriteThroughAsync(batch.Bytes);
                batch.Complete();
            }
        }
        catch (Exception exception)
        {
            Fail(batch, exception);
        }
    }

    /// <summary>Takes what is to be written next, joining frames that wait; false if there is nothing, and the pump has stopped.</summary>
    private bool TryTake(ref Batch batch)
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _bytes -= batch.Written;
            batch.Written = 0;

            // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
            if (_platform.TryPeek(out var next) && (!next.IsClose || _frames.Count == 0))
            {
                batch.Platform = _platform.Dequeue();
                batch.Bytes = batch.Platform.Bytes;
                return true;
            }

            if (_frames.Count > 0)
            {
                if (_frames.Count == 1 || _frames.Peek().Length > JoinBytes)
                {
                    batch.Single = _frames.Dequeue();
                    batch.Bytes = batch.Single.Bytes;
                }
                else
                {
                    batch.Joined ??= ArrayPool<byte>.Shared.Rent(JoinBytes);
                    var length = 0;
                    while (_frames.TryPeek(out var frame) && length + frame.Length <= JoinBytes)
                    {
                        frame.Bytes.CopyTo(batch.Joined.AsMemory(length));
                        length += frame.Length;
                        _frames.Dequeue().Release();
                    }

                    batch.Bytes = batch.Joined.AsMemory(0, length);
                }

                batch.Written = batch.Bytes.Length;
                return true;
            }

            drained = StopLocked();
        }

        batch.Dispose();
        drained?.TrySetResult();
        return false;
    }

    private ValueTask WriteThroughAsync(ReadOnlyMemory<byte> bytes)
    {
        var write = stream.WriteAsync(bytes);
        if (!write.IsCompletedSuccessfully)
        {
            return FlushAfterAsync(write);
        }

        write.GetAwaiter().GetResult();
        return new(stream.FlushAsync());
    }

    private async ValueTask FlushAfterAsync(ValueTask write)
    {
        await write;
        await stream.FlushAsync();
    }

    private void Fail(Batch batch, Exception exception)
    {
        batch.Platform?.Completion.TrySetException(exception);
        batch.Single?.Release();
        batch.Dispose();
        lock (_gate)
        {
            CompleteLocked();
            _bytes = 0;
            while (_platform.TryDequeue(out var write))
            {
                write.Completion.TrySetException(exception);
            }
        }

        // Before it counts as drained: whoever waits for that lets go of the connection.
        owner.OnWriteFailed(exception);
        TaskCompletionSource? drained;
        lock (_gate)
        {
            while (_platform.TryDequeue(out var write))
            {
                write.Completion.TrySetException(exception);
            }

            drained = StopLocked();
        }

        drained?.TrySetResult();
    }

    /// <summary>A write that fails is told to the owner; nobody else waits for this one.</summary>
    private static void Observe(Task write) => write.ContinueWith(
        static failed => _ = failed.Exception,
        CancellationToken.None,
        TaskContinuationOptions.OnlyOnFaulted | TaskContinuationOptions.ExecuteSynchronously,
        TaskScheduler.Default);

    private TaskCompletionSource? StopLocked()
    {
        _writing = false;
        _pumping = false;
        var drained = _drained;
        _drained = null;
        return drained;
    }

    /// <summary>What one write carries: a frame of the platform's, one of ours, or several joined.</summary>
    private struct Batch
    {
        internal ReadOnlyMemory<byte> Bytes;
        internal PlatformWrite? Platform;
        internal SharedFrame? Single;
        internal byte[]? Joined;

        /// <summary>Bytes of ours that were written and still count as queued.</summary>
        internal int Written;

        internal void Complete()
        {
            Platform?.Completion.TrySetResult();
            Single?.Release();
            Platform = null;
            Single = null;
            Bytes = default;
        }

        internal void Dispose()
        {
            if (Joined is not null)
            {
                ArrayPool<byte>.Shared.Return(Joined);
                Joined = null;
            }
        }
    }
}
