using System.Buffers;
using System.IO.Pipelines;

namespace DistributedSockets;

/// <summary>What waits to be written to one client, and in which order it goes: bounded in bytes and frames.</summary>
/// <remarks>Guarded by the lock of the queue it belongs to.</remarks>
internal sealed class OutboundBacklog(HubOptions options, long maxQueuedBytes, bool takesDeflated)
{
    private readonly Queue<SharedFrame> _frames = new();
    private readonly Queue<PlatformWrite> _platform = new();
    private SharedFrame? _partial;
    private int _partialWritten;
    private int _bytesInFlush;
    private int _bytes;

    /// <summary>The bytes of frames that wait or are being flushed.</summary>
    internal int Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether nothing waits. What is being flushed does not count.</summary>
    internal bool IsEmpty => _partial is null && _frames.Count == 0 && _platform.Count == 0;

    /// <summary>Whether a frame may be added. An idle connection is never refused one: what alone exceeds the limit would never fit.</summary>
    internal bool HasRoomFor(SharedFrame frame) => _bytes == 0 || Fits(frame);

    /// <summary>Adds a frame, and takes over its reference.</summary>
    internal void Add(SharedFrame frame)
    {
        _frames.Enqueue(frame);
        _bytes += Length(frame);
    }

    internal void Add(PlatformWrite write) => _platform.Enqueue(write);

    /// <summary>Drops the oldest frames until another fits or none waits.</summary>
    /// <returns>How many were dropped.</returns>
    internal int DropFor(SharedFrame frame)
    {
        var dropped = 0;
        while (_frames.Count > 0 && !Fits(frame))
        {
            DropOldest();
            dropped++;
        }

        return dropped;
    }

    /// <summary>Drops all frames but one that has been written in part, whose rest has to follow.</summary>
    /// <returns>How many were dropped.</returns>
    internal int DropAll()
    {
        var dropped = _frames.Count;
        while (_frames.Count > 0)
        {
            DropOldest();
        }

        return dropped;
    }

    /// <summary>Drops everything, since nothing can be written any more.</summary>
    internal void Fail(Exception exception)
    {
        DropAll();
        ReleasePartial();
        _bytes = 0;
        _bytesInFlush = 0;
        while (_platform.TryDequeue(out var write))
        {
            write.Completion.TrySetException(exception);
        }
    }

    /// <summary>Writes what goes into the next flush, and counts what went into the last one as gone.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="platformWrite">The platform's write among them, to be completed when they are flushed.</param>
    /// <returns>Whether there was anything.</returns>
    internal bool WriteNext(PipeWriter output, out PlatformWrite? platformWrite)
    {
        platformWrite = null;
        _bytes -= _bytesInFlush;
        _bytesInFlush = 0;
        if (_partial is not null)
        {
            WritePiece(output);
            return true;
        }

        // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
        if (_platform.TryPeek(out var next) && (!next.IsClose || _frames.Count == 0))
        {
            platformWrite = _platform.Dequeue();
            output.Write(next.Bytes.Span);
            return true;
        }

        while (_frames.TryPeek(out var frame) && _bytesInFlush + Length(frame) <= OutboundQueue.JoinBytes)
        {
            output.Write(frame.BytesFor(takesDeflated).Span);
            _bytesInFlush += Length(frame);
            _frames.Dequeue().Release();
        }

        if (_bytesInFlush > 0)
        {
            return true;
        }

        if (!_frames.TryDequeue(out _partial))
        {
            return false;
        }

        WritePiece(output);
        return true;
    }

    private int Length(SharedFrame frame) => frame.LengthFor(takesDeflated);

    private bool Fits(SharedFrame frame)
    {
        var bytes = _bytes + (long)Length(frame);
        return _frames.Count < options.OutboundQueueFrames
            && bytes <= options.OutboundQueueBytes
            && (bytes <= OutboundQueue.AlwaysAllowedBytes || SharedFrame.OutstandingBytes <= maxQueuedBytes);
    }

    private void DropOldest()
    {
        var frame = _frames.Dequeue();
        _bytes -= Length(frame);
        frame.Release();
    }

    private void WritePiece(PipeWriter output)
    {
        var rest = _partial!.BytesFor(takesDeflated)[_partialWritten..]; // the callers have one
        _bytesInFlush = Math.Min(rest.Length, OutboundQueue.JoinBytes);
        output.Write(rest.Span[.._bytesInFlush]);
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
}
