using System.Buffers;
using System.IO.Pipelines;
using System.Net.WebSockets;

namespace DistributedSockets;

/// <summary>The one writer of a connection: writes inline when idle, joins what waits when busy, bounded in bytes and frames.</summary>
/// <remarks>
/// Queueing and writing are two steps, <see cref="TryEnqueue"/> and <see cref="Start"/>, so that a fan-out can settle the order of
/// its frames under a lock and write after it.
/// </remarks>
internal sealed class OutboundQueue(PipeWriter? output, DistributedWebSocketsOptions options, IOutboundQueueOwner owner, bool takesDeflated = false)
    : IThreadPoolWorkItem
{
    /// <summary>How much one flush carries; larger frames go in pieces, so that a client that hangs holds no more of them twice.</summary>
    internal const int JoinBytes = 32 * 1024;

    /// <summary>What every connection may queue even while the process holds more frames than it should.</summary>
    internal const int AlwaysAllowedBytes = 64 * 1024;

    /// <summary>How often a sender writes for others before it goes on with its own work.</summary>
    private const int MaxInlineWrites = 8;

    private static readonly byte[] s_ping = [0x89, 0x00];

    private readonly Lock _gate = new();
    private readonly Queue<SharedFrame> _frames = new();
    private readonly Queue<PlatformWrite> _platform = new();
    private PipeWriter? _output = output;
    private TaskCompletionSource? _drained;
    private PlatformWrite? _platformInFlush;
    private PlatformWrite? _ping;
    private SharedFrame? _partial;
    private int _partialWritten;
    private int _bytesInFlush;
    private int _bytes;
    private int _dropped;
    private bool _writing;
    private bool _pumping = output is null; // so nobody writes before there is something to write to
    private bool _completed;
    private bool _full;
    private volatile bool _startNeeded;
    private bool _startWaits;
    private bool _used;

    /// <summary>Whether frames are written compressed where they are.</summary>
    internal bool TakesDeflated => takesDeflated;

    internal int QueuedBytes => Volatile.Read(ref _bytes);

    /// <summary>The code of a close frame that the platform wrote, if any.</summary>
    internal WebSocketCloseStatus? PlatformCloseStatus { get; private set; }

    /// <summary>Whether a frame was queued since the last call.</summary>
    internal bool TakeUsed() => Interlocked.Exchange(ref _used, false);

    /// <summary>Queues a frame, taking its own reference; false if it was dropped. Call <see cref="Start"/> afterwards in either case.</summary>
    internal bool TryEnqueue(SharedFrame frame)
    {
        frame.AddReferences(1);
        if (TryEnqueueReferenced(frame))
        {
            return true;
        }

        frame.Release();
        return false;
    }

    /// <summary>The same with a reference that the caller has added, and keeps if the frame was dropped.</summary>
    internal bool TryEnqueueReferenced(SharedFrame frame)
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
                    _bytes -= oldest.LengthFor(takesDeflated);
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

            _frames.Enqueue(frame);
            _bytes += frame.LengthFor(takesDeflated);
            _used = true;
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

        try
        {
            if (dropped > 0)
            {
                owner.OnFramesDropped(dropped);
            }

            if (full)
            {
                owner.OnQueueFull();
            }
        }
        finally
        {
            if (start)
            {
                Pump(); // nobody else will, even if who was told threw
            }
        }
    }

    /// <summary>Has a thread of the pool do what <see cref="Start"/> does, for callers that must not write.</summary>
    internal void StartLater()
    {
        if (_startNeeded && !Interlocked.Exchange(ref _startWaits, true))
        {
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        Volatile.Write(ref _startWaits, false); // first, so that what is queued from now on is not missed
        try
        {
            Start();
        }
        catch (Exception exception)
        {
            owner.OnWriteFailed(exception);
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

    /// <summary>
    /// Queues a ping without a payload (RFC 6455 §5.5.2); none while the last one still waits, and none once the connection begins to end,
    /// as nothing may follow a close frame.
    /// </summary>
    internal void Ping()
    {
        var write = new PlatformWrite(s_ping);
        lock (_gate)
        {
            if (_completed || _ping is { Completion.Task.IsCompleted: false })
            {
                return;
            }

            _ping = write;
            AddLocked(write);
        }

        write.Completion.Task.Observe(); // a write that fails is told to the owner
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

    /// <summary>Begins to write, for a queue that had nothing to write to.</summary>
    internal void Open(PipeWriter output)
    {
        bool start;
        lock (_gate)
        {
            _output = output;
            _pumping = start = _writing;
        }

        if (start)
        {
            Pump();
        }
    }

    /// <summary>Ends a queue that never got anything to write to.</summary>
    internal void Abandon(Exception exception)
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            CompleteLocked();
            _output = PipeWriter.Create(Stream.Null); // for what the platform may still write
            while (_platform.TryDequeue(out var write))
            {
                write.Completion.TrySetException(exception);
            }

            drained = StopLocked();
        }

        drained?.TrySetResult();
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

    private bool IsFull(SharedFrame frame)
    {
        var bytes = _bytes + (long)frame.LengthFor(takesDeflated);
        return _frames.Count >= options.OutboundQueueFrames
            || bytes > options.OutboundQueueBytes
            || (bytes > AlwaysAllowedBytes && SharedFrame.OutstandingBytes > options.MaxQueuedBytes);
    }

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
            _bytes -= frame.LengthFor(takesDeflated);
            frame.Release();
        }
    }

    /// <summary>Writes inline for as long as the transport takes all at once; allocates nothing then.</summary>
    private void Pump()
    {
        try
        {
            for (var writes = 0; writes < MaxInlineWrites; writes++)
            {
                if (!TryWrite())
                {
                    return;
                }

                var flush = _output!.FlushAsync();
                if (!flush.IsCompletedSuccessfully)
                {
                    _ = PumpAsync(flush); // never throws; DrainAsync waits for it
                    return;
                }

                OnFlushed(flush.Result);
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
            return;
        }

        _ = PumpAsync(null);
    }

    /// <summary>Goes on with a flush that takes its time, or with the rest after many writes, on a thread of the pool.</summary>
    private async Task PumpAsync(ValueTask<FlushResult>? flush)
    {
        try
        {
            if (flush is { } pending)
            {
                OnFlushed(await pending);
            }
            else
            {
                await Task.Yield();
            }

            while (TryWrite())
            {
                OnFlushed(await _output!.FlushAsync());
            }
        }
        catch (Exception exception)
        {
            Fail(exception);
        }
    }

    /// <summary>Hands the transport what goes into the next flush, joining frames that wait; false if there is nothing, and the pump has stopped.</summary>
    private bool TryWrite()
    {
        TaskCompletionSource? drained;
        lock (_gate)
        {
            _bytes -= _bytesInFlush;
            _bytesInFlush = 0;
            if (_partial is not null)
            {
                WritePieceLocked();
                return true;
            }

            // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
            if (_platform.TryPeek(out var next) && (!next.IsClose || _frames.Count == 0))
            {
                _platformInFlush = _platform.Dequeue();
                _output!.Write(next.Bytes.Span);
                return true;
            }

            while (_frames.TryPeek(out var frame) && _bytesInFlush + frame.LengthFor(takesDeflated) <= JoinBytes)
            {
                _output!.Write(frame.BytesFor(takesDeflated).Span);
                _bytesInFlush += frame.LengthFor(takesDeflated);
                _frames.Dequeue().Release();
            }

            if (_bytesInFlush > 0)
            {
                return true;
            }

            if (_frames.TryDequeue(out _partial))
            {
                WritePieceLocked();
                return true;
            }

            drained = StopLocked();
        }

        drained?.TrySetResult();
        return false;
    }

    private void WritePieceLocked()
    {
        var rest = _partial!.BytesFor(takesDeflated)[_partialWritten..]; // the callers have one
        _bytesInFlush = Math.Min(rest.Length, JoinBytes);
        _output!.Write(rest.Span[.._bytesInFlush]);
        _partialWritten += _bytesInFlush;
        if (_bytesInFlush == rest.Length)
        {
            ReleasePartial();
        }
    }

    private void ReleasePartial()
    {
        _partial?.Release();
        _partial = null;
        _partialWritten = 0;
    }

    private void OnFlushed(FlushResult flush)
    {
        if (flush.IsCompleted || flush.IsCanceled)
        {
            throw new IOException("The client has gone.");
        }

        _platformInFlush?.Completion.TrySetResult();
        _platformInFlush = null;
    }

    private void Fail(Exception exception)
    {
        _platformInFlush?.Completion.TrySetException(exception);
        _platformInFlush = null;
        ReleasePartial();
        lock (_gate)
        {
            CompleteLocked();
            _bytes = 0;
            _bytesInFlush = 0;
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

    private TaskCompletionSource? StopLocked()
    {
        _writing = false;
        _pumping = false;
        var drained = _drained;
        _drained = null;
        return drained;
    }
}
