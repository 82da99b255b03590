using System.Buffers;

namespace DistributedSockets;

/// <summary>What waits to be written to one client, and in which order it goes: bounded in bytes and frames.</summary>
/// <remarks>Guarded by the lock of the queue it belongs to.</remarks>
internal sealed class OutboundBacklog(HubOptions options, long maxQueuedBytes, bool takesDeflated, IMessagePrefix? prefix = null)
{
    private WaitingFrames _frames;
    private PlatformWrite? _platform; // the first of a chain
    private SharedFrame? _partial;
    private int _partialWritten;
    private int _bytesInFlush;
    private int _bytes;

    /// <summary>The bytes of frames that wait or are being flushed.</summary>
    internal int Bytes => Volatile.Read(ref _bytes);

    /// <summary>Whether nothing waits. What is being flushed does not count.</summary>
    internal bool IsEmpty => _partial is null && _frames.Count == 0 && _platform is null;

    /// <summary>
    /// Whether a frame may be added, also in place of the waiting one of its key. An idle connection is never refused one: what alone
    /// exceeds the limit would never fit.
    /// </summary>
    internal bool HasRoomFor(SharedFrame frame)
    {
        var (replaced, frames) = FindReplaced(frame) is >= 0 and var number ? (Length(_frames[number]), 1) : (0, 0);
        return _bytes == replaced || Fits(_bytes - replaced, _frames.Count - frames, frame);
    }

    /// <summary>Whether a frame may be added and leaves half of the room to others.</summary>
    internal bool HasAmpleRoomFor(SharedFrame frame) =>
        _bytes == 0 || (IsHalfEmpty && Fits(_bytes + (options.OutboundQueueBytes / 2), _frames.Count + (options.OutboundQueueFrames / 2), frame));

    /// <summary>Whether half of the room is free.</summary>
    internal bool IsHalfEmpty => _bytes <= options.OutboundQueueBytes / 2 && _frames.Count <= options.OutboundQueueFrames / 2;

    /// <summary>Adds a frame behind all others, and takes over its reference.</summary>
    /// <returns>How many waiting frames it replaced: 1 if one had its conflation key, else 0.</returns>
    internal int Add(SharedFrame frame)
    {
        var replaced = 0;
        if (FindReplaced(frame) is >= 0 and var number)
        {
            Drop(_frames.Take(number));
            replaced = 1;
        }

        var length = Length(frame); // first, should a protocol fail to encode it
        _frames.Add(frame);
        _bytes += length;
        return replaced;
    }

    internal void Add(PlatformWrite write)
    {
        if (_platform is null)
        {
            _platform = write;
            return;
        }

        var last = _platform;
        while (last.Next is { } next)
        {
            last = next; // there are few
        }

        last.Next = write;
    }

    /// <summary>Drops the oldest frames until another fits or none waits.</summary>
    /// <returns>How many were dropped.</returns>
    internal int DropFor(SharedFrame frame)
    {
        var dropped = 0;
        while (_frames.Count > 0 && !HasRoomFor(frame))
        {
            Drop(_frames.TakeOldest());
            dropped++;
        }

        return dropped;
    }

    /// <summary>Drops all frames that are not worth writing any more.</summary>
    /// <returns>How many were dropped.</returns>
    internal int DropExpired()
    {
        var dropped = 0;
        if (prefix is { FollowsLog: true } || !_frames.MayHoldExpired(out var now)) // numbers are given in the order of the frames, also to those that come too late
        {
            return 0;
        }

        for (var number = _frames.FindExpired(0, now); number >= 0; number = _frames.FindExpired(number, now))
        {
            Drop(_frames.Take(number));
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
            Drop(_frames.TakeOldest());
        }

        return dropped;
    }

    /// <inheritdoc cref="WaitingFrames.Trim"/>
    internal void Trim() => _frames.Trim();

    /// <summary>Drops all frames of the log but one that has been written in part: they are read again.</summary>
    internal void DropLogged()
    {
        for (var left = _frames.Count; left > 0; left--)
        {
            var frame = _frames.TakeOldest();
            if (frame.LogOffset > 0)
            {
                Drop(frame);
            }
            else
            {
                _frames.Add(frame);
            }
        }
    }

    /// <summary>Drops everything, since nothing can be written any more.</summary>
    internal void Fail(Exception exception)
    {
        DropAll();
        ReleasePartial();
        _bytes = 0;
        _bytesInFlush = 0;
        while (_platform is not null)
        {
            TakePlatformWrite().Completion.TrySetException(exception);
        }
    }

    /// <summary>Writes what goes into the next flush, and counts what went into the last one as gone.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="platformWrite">The platform's write among them, to be completed when they are flushed.</param>
    /// <param name="expired">How many frames were dropped, as it is too late for them.</param>
    /// <returns>Whether there was anything.</returns>
    internal bool WriteNext(IBufferWriter<byte> output, out PlatformWrite? platformWrite, out int expired)
    {
        platformWrite = null;
        expired = 0;
        _bytes -= _bytesInFlush;
        _bytesInFlush = 0;
        var room = OutboundQueue.JoinBytes;
        if (_partial is not null)
        {
            WritePiece(output, room);
            return true;
        }

        // Each frame is asked once, just before it would be written: the answer may change at any moment.
        expired += DropExpiredOldest();

        // Pings and pongs overtake; a close frame (opcode 8) must not, since nothing may follow it (RFC 6455 §5.5.1).
        if (_platform is { } next && (!next.IsClose || !MayWriteOldest()))
        {
            if (next.IsClose)
            {
                DropAll(); // nothing, or what the client would have to acknowledge others for first
            }

            platformWrite = TakePlatformWrite();
            output.Write(next.Bytes.Span);
            return true;
        }

        while (_frames.Oldest is { } frame && MaxWrittenBytes(frame) <= room && MayWriteOldest())
        {
            var payloadAt = WriteHead(output, frame, ref room);
            var rest = BodyOf(frame).BytesFor(takesDeflated).Span[payloadAt..];
            output.Write(rest);
            room -= rest.Length;
            _bytesInFlush += Length(frame);
            _frames.TakeOldest().Release();
            expired += DropExpiredOldest();
        }

        if (_bytesInFlush > 0)
        {
            return true;
        }

        if (!MayWriteOldest())
        {
            return false;
        }

        _partial = _frames.TakeOldest();
        _bytesInFlush = _partialWritten = WriteHead(output, _partial, ref room);
        WritePiece(output, room);
        return true;
    }

    /// <summary>What is written of a frame: the protocol's own form of it, if the client speaks one.</summary>
    private SharedFrame BodyOf(SharedFrame frame) => prefix is null || frame.IsOfProtocol ? frame : prefix.BodyOf(frame);

    private int Length(SharedFrame frame) => BodyOf(frame).LengthFor(takesDeflated);

    private long FindReplaced(SharedFrame frame) => prefix is not { FollowsLog: true } && frame.Terms?.ConflationKey is { } key ? _frames.Find(key) : -1;

    private bool MayWriteOldest() => _frames.Oldest is { } frame && (prefix is null || frame.IsOfProtocol || prefix.MayWrite(frame));

    /// <summary>How many bytes a frame takes on the wire at the most.</summary>
    private int MaxWrittenBytes(SharedFrame frame) => Length(frame) + (prefix is null || frame.IsOfProtocol ? 0 : PrefixedFrame.MaxHeadBytes);

    /// <summary>Writes what stands in front of the payload instead of the frame's own header, if something does.</summary>
    /// <param name="output">Where the bytes go.</param>
    /// <param name="frame">The frame.</param>
    /// <param name="room">How much the flush has room for; less by what is written.</param>
    /// <returns>Where what is still to be written begins.</returns>
    private int WriteHead(IBufferWriter<byte> output, SharedFrame frame, ref int room)
    {
        if (prefix is null || frame.IsOfProtocol)
        {
            return 0;
        }

        var payloadAt = PrefixedFrame.WriteHead(output, frame, takesDeflated, prefix, out var head);
        room -= head;
        return payloadAt;
    }

    private bool Fits(int waitingBytes, int waitingFrames, SharedFrame frame)
    {
        var bytes = waitingBytes + (long)Length(frame);
        return waitingFrames < options.OutboundQueueFrames
            && bytes <= options.OutboundQueueBytes
            && (bytes <= OutboundQueue.AlwaysAllowedBytes || SharedFrame.OutstandingBytes <= maxQueuedBytes);
    }

    private int DropExpiredOldest()
    {
        var dropped = 0;
        while (_frames.Oldest is { } frame && (frame.Terms is { IsExpired: true } || BodyOf(frame).IsBroken) && prefix?.MayWrite(frame) != false) // also one that is too late uses up a number
        {
            prefix?.OnExpired(frame);
            Drop(_frames.TakeOldest());
            dropped++;
        }

        return dropped;
    }

    private void Drop(SharedFrame frame)
    {
        _bytes -= Length(frame);
        frame.Release();
    }

    private PlatformWrite TakePlatformWrite()
    {
        var write = _platform!; // the callers have one
        _platform = write.Next;
        write.Next = null;
        return write;
    }

    private void WritePiece(IBufferWriter<byte> output, int room)
    {
        var rest = BodyOf(_partial!).BytesFor(takesDeflated)[_partialWritten..]; // the callers have one
        var piece = Math.Min(rest.Length, room);
        output.Write(rest.Span[..piece]);
        _bytesInFlush += piece;
        _partialWritten += piece;
        if (piece == rest.Length)
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
