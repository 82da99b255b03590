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
            _ = PumpAsync(); // never throws; DrainAsync waits for it
        }
    }

    /// <summary>Queues what the platform's WebSocket writes: a whole control frame. A close frame goes behind what waits.</summary>
    internal Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var write = new PlatformWrite(bytes.ToArray());
        lock (_gate)
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

        Start();
        return write.Completion.Task;
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

    private async Task PumpAsync()
    {
        byte[]? joined = null;
        var written = 0;
        var writes = 0;
        try
        {
            while (true)
            {
                if (writes++ == MaxInlineWrites)
                {
                    await Task.Yield();
                }

                SharedFrame? single = null;
                PlatformWrite? platform = null;
                var length = 0;
                TaskCompletionSource? drained = null;
                lock (_gate)
                {
                    _bytes -= written;
                    written = 0;

                    // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
                    if (_platform.TryPeek(out var next) && (!next.IsClose || _frames.Count == 0))
                    {
                        platform = _platform.Dequeue();
                    }
                    else if (_frames.Count == 0)
                    {
                        drained = StopLocked();
                    }
                    else if (_frames.Count == 1 || _frames.Peek().Length > JoinBytes)
                    {
                        single = _frames.Dequeue();
                        length = single.Length;
                    }
                    else
                    {
                        joined ??= ArrayPool<byte>.Shared.Rent(JoinBytes);
                        while (_frames.TryPeek(out var frame) && length + frame.Length <= joined.Length)
                        {
                            frame.Bytes.CopyTo(joined.AsMemory(length));
                            length += frame.Length;
                            _frames.Dequeue().Release();
                        }
                    }
                }

                if (platform is null && length == 0)
                {
                    drained?.TrySetResult();
                    return;
                }

                if (platform is not null)
                {
                    await WriteAsync(platform);
                }
                else if (single is not null)
                {
                    try
                    {
                        await stream.WriteAsync(single.Bytes);
                    }
                    finally
                    {
                        single.Release();
                    }

                    await stream.FlushAsync();
                }
                else
                {
                    await stream.WriteAsync(joined.AsMemory(0, length));
                    await stream.FlushAsync();
                }

                written = length;
            }
        }
        catch (Exception exception)
        {
            TaskCompletionSource? drained;
            lock (_gate)
            {
                CompleteLocked();
                _bytes = 0;
                while (_platform.TryDequeue(out var write))
                {
                    write.Completion.TrySetException(exception);
                }

                drained = StopLocked();
            }

            drained?.TrySetResult();
            owner.OnWriteFailed(exception);
        }
        finally
        {
            if (joined is not null)
            {
                ArrayPool<byte>.Shared.Return(joined);
            }
        }
    }

    private TaskCompletionSource? StopLocked()
    {
        _writing = false;
        _pumping = false;
        var drained = _drained;
        _drained = null;
        return drained;
    }

    private async ValueTask WriteAsync(PlatformWrite write)
    {
        try
        {
            await stream.WriteAsync(write.Bytes);
            await stream.FlushAsync();
            write.Completion.TrySetResult();
        }
        catch (Exception exception)
        {
            write.Completion.TrySetException(exception);
            throw;
        }
    }
}
