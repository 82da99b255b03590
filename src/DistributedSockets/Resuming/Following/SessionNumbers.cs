namespace DistributedSockets;

/// <summary>Numbers what one session is sent of the log, in the moment in which it leaves the outbound queue, and lets it go no further ahead of its client than may be.</summary>
/// <remarks>Guarded by its own lock. The queue calls it under that of the queue; acknowledgements and checkpoints come from other threads. It never calls the queue.</remarks>
internal sealed class SessionNumbers(long number, long offset, int maxMessages, long maxBytes) : IMessagePrefix
{
    private static readonly ProtocolFormat s_resumeV1 = new(ResumeV1Protocol.Instance, deflater: null);

    private readonly UnacknowledgedMessages _messages = new(number, offset);
    private long _checkpoint = number;
    private long _bytesSinceCheckpoint;

    /// <summary>The last number that was acknowledged, and the offset for which it stands.</summary>
    internal (long Number, long Offset) Acknowledged
    {
        get
        {
            lock (this)
            {
                return (_messages.Acknowledged, _messages.AcknowledgedOffset);
            }
        }
    }

    /// <summary>The last number that was given, and its offset: reading goes on behind it.</summary>
    internal (long Number, long Offset) Last
    {
        get
        {
            lock (this)
            {
                return (_messages.Last, _messages.LastOffset);
            }
        }
    }

    /// <summary>How many messages are not acknowledged.</summary>
    internal int Count
    {
        get
        {
            lock (this)
            {
                return _messages.Count;
            }
        }
    }

    /// <summary>Whether as much has been acknowledged since the record was written as may be: half of what may be under way.</summary>
    internal bool IsCheckpointDue
    {
        get
        {
            lock (this)
            {
                return _messages.Acknowledged - _checkpoint >= Math.Max(1, maxMessages / 2) || _bytesSinceCheckpoint >= maxBytes / 2;
            }
        }
    }

    /// <summary>How many have been acknowledged since the record was written.</summary>
    internal long AcknowledgedSinceCheckpoint
    {
        get
        {
            lock (this)
            {
                return _messages.Acknowledged - _checkpoint;
            }
        }
    }

    /// <summary>The session that is told when the queue has fallen behind.</summary>
    internal ResumableSession? Session { get; init; }

    /// <summary>The subprotocol of its client. Set before the queue of a connection has it.</summary>
    internal ProtocolFormat Format { get; set; } = s_resumeV1;

    public bool FollowsLog => true;

    public SharedFrame BodyOf(SharedFrame frame) => Format.BodyOf(frame);

    public void OnFellBehind() => Session?.OnFellBehind();

    /// <summary>The record has been written, with a number up to which all are acknowledged.</summary>
    internal void NoteCheckpoint(long number)
    {
        lock (this)
        {
            _checkpoint = number;
            _bytesSinceCheckpoint = 0;
        }
    }

    public bool MayWrite(SharedFrame frame)
    {
        if (frame.LogOffset == 0)
        {
            return true;
        }

        lock (this)
        {
            return _messages.Count == 0 || (_messages.Count < maxMessages && _messages.Bytes + frame.Length <= maxBytes); // one is sent whatever its size
        }
    }

    public int Write(Span<byte> destination, SharedFrame frame, int bodyBytes)
    {
        if (frame.LogOffset == 0)
        {
            return Format.Protocol.WriteHead(destination, 0, bodyBytes);
        }

        lock (this)
        {
            return Format.Protocol.WriteHead(destination, _messages.Add(frame.LogOffset, frame.Length), bodyBytes);
        }
    }

    public void OnExpired(SharedFrame frame)
    {
        if (frame.LogOffset > 0)
        {
            lock (this)
            {
                _messages.Skip(frame.LogOffset);
            }
        }
    }

    /// <summary>Notes what the client has. Wake the queue afterwards.</summary>
    /// <returns>False if the client has acknowledged what was never sent.</returns>
    internal bool TryAcknowledge(long number)
    {
        lock (this)
        {
            var bytes = _messages.Bytes;
            var isKnown = _messages.TryAcknowledge(number);
            _bytesSinceCheckpoint += bytes - _messages.Bytes;
            return isKnown;
        }
    }

    /// <summary>Up to an offset there is nothing more for the session than what has a number.</summary>
    internal void MoveTo(long offset)
    {
        lock (this)
        {
            _messages.MoveTo(offset);
        }
    }
}
