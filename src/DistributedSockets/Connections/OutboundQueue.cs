using System.Buffers;

namespace DistributedSockets;

/// <summary>The one writer of a connection: writes inline when idle, joins what waits when busy, bounded in bytes and frames.</summary>
internal sealed class OutboundQueue(Stream stream, DistributedWebSocketsOptions options, Action onFull, Action<Exception> onFailed)
{
    private const int JoinBytes = 32 * 1024;

    private readonly Lock _gate = new();
    private readonly Queue<SharedFrame> _frames = new();
    private readonly Queue<PlatformWrite> _platform = new();
    private readonly int _maxBytes = options.OutboundQueueBytes;
    private readonly int _maxFrames = options.OutboundQueueFrames;
    private readonly SlowConsumerPolicy _policy = options.SlowConsumerPolicy;
    private int _bytes;
    private bool _writing;
    private bool _completed;
    private Task _pump = Task.CompletedTask;

    internal long Dropped { get; private set; }

    internal int QueuedBytes => Volatile.Read(ref _bytes);

    /// <summary>Queues a frame, taking its own reference; false if it was dropped.</summary>
    internal bool TryEnqueue(SharedFrame frame)
    {
        lock (_gate)
        {
            if (_completed)
            {
                return false;
            }

            if (_policy == SlowConsumerPolicy.DropOldest)
            {
                while (_frames.Count > 0 && IsFull(frame))
                {
                    var oldest = _frames.Dequeue();
                    _bytes -= oldest.Length;
                    oldest.Release();
                    Dropped++;
                }
            }

            // A frame is never refused by an empty queue: it would never fit.
            if (_frames.Count > 0 && IsFull(frame))
            {
                Dropped++;
                if (_policy == SlowConsumerPolicy.Close)
                {
                    CompleteLocked();
                    onFull();
                }

                return false;
            }

            frame.AddReference();
            _frames.Enqueue(frame);
            _bytes += frame.Length;
            if (_writing)
            {
                return true;
            }

            _writing = true;
        }

        _pump = PumpAsync();
        return true;
    }

    /// <summary>Queues what the platform's WebSocket writes: a whole control frame. A close frame goes behind what waits.</summary>
    internal Task WriteAsync(ReadOnlyMemory<byte> bytes)
    {
        var write = new PlatformWrite(bytes.ToArray());
        lock (_gate)
        {
            _platform.Enqueue(write);
            if (_writing)
            {
                return write.Completion.Task;
            }

            _writing = true;
        }

        _pump = PumpAsync();
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

    /// <summary>Takes no more frames, drops what waits and releases it once the write in progress has ended.</summary>
    internal async ValueTask DisposeAsync()
    {
        lock (_gate)
        {
            CompleteLocked();
        }

        await _pump;
    }

    private bool IsFull(SharedFrame frame) => _frames.Count >= _maxFrames || _bytes + frame.Length > _maxBytes;

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
        try
        {
            while (true)
            {
                SharedFrame? single = null;
                PlatformWrite? platform = null;
                var length = 0;
                lock (_gate)
                {
                    // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
                    if (_platform.TryPeek(out var next) && (!next.IsClose || _frames.Count == 0))
                    {
                        platform = _platform.Dequeue();
                    }
                    else if (_frames.Count == 0)
                    {
                        _writing = false;
                        return;
                    }
                    else if (_frames.Count == 1 || _frames.Peek().Length > JoinBytes)
                    {
                        single = _frames.Dequeue();
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

                if (platform is not null)
                {
                    await stream.WriteAsync(platform.Bytes);
                    platform.Completion.TrySetResult();
                }
                else if (single is not null)
                {
                    length = single.Length;
                    try
                    {
                        await stream.WriteAsync(single.Bytes);
                    }
                    finally
                    {
                        single.Release();
                    }
                }
                else
                {
                    await stream.WriteAsync(joined.AsMemory(0, length));
                }

                await stream.FlushAsync();
                if (platform is null)
                {
                    Interlocked.Add(ref _bytes, -length);
                }
            }
        }
        catch (Exception exception)
        {
            lock (_gate)
            {
                CompleteLocked();
                _writing = false;
                while (_platform.TryDequeue(out var write))
                {
                    write.Completion.TrySetException(exception);
                }
            }

            onFailed(exception);
        }
        finally
        {
            if (joined is not null)
            {
                ArrayPool<byte>.Shared.Return(joined);
            }
        }
    }
}
