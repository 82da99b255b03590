namespace DistributedSockets;

/// <summary>The queue of a session that can be resumed: it follows the log live, or is behind it and is given what is read.</summary>
internal sealed partial class OutboundQueue
{
    private bool _isBehind = prefix is { FollowsLog: true }; // until the log has been read for it
    private long _readTo; // up to which offset it has been given what was read

    /// <summary>Whether frames of the log come by reading it, and not live.</summary>
    internal bool IsBehind
    {
        get
        {
            lock (_gate)
            {
                return _isBehind;
            }
        }
    }

    /// <summary>Whether all frames of the log that have come so far have been written, each in the moment in which it came. No longer so once it takes no more: what comes then is dropped.</summary>
    internal bool HasWrittenAll
    {
        get
        {
            lock (_gate)
            {
                return _intake == OutboundIntake.Open && !_isBehind && _backlog.Bytes == 0;
            }
        }
    }

    /// <summary>Takes no more live frames of the log, and forgets those that wait: they are read behind the last one that was written. Does nothing if it is behind.</summary>
    internal void FallBehind()
    {
        lock (_gate)
        {
            if (!_isBehind)
            {
                FallBehindLocked(); // else what waits has been read, and nobody would read it again
            }
        }
    }

    /// <summary>Takes live frames of the log again.</summary>
    /// <param name="readTo">Up to which offset all have been queued: the lane may be no further than before that.</param>
    internal void CatchUp(long readTo)
    {
        lock (_gate)
        {
            (_isBehind, _readTo) = (false, readTo);
        }
    }

    /// <summary>Writes on, now that more may be written.</summary>
    internal void Wake()
    {
        lock (_gate)
        {
            if (!_backlog.IsEmpty)
            {
                GetReadyLocked();
            }
        }

        Start();
    }

    /// <summary>Queues a frame that comes live: one of the log as long as the queue follows it, another one if there is room.</summary>
    private bool TryFollowLocked(SharedFrame frame)
    {
        if (frame.LogOffset > 0 && (_isBehind || frame.LogOffset <= _readTo))
        {
            return false; // it is read, or has been
        }

        if (!_backlog.HasRoomFor(frame))
        {
            if (frame.LogOffset > 0)
            {
                FallBehindLocked();
            }
            else if (frame.IsOfProtocol)
            {
                _drops.Full += 1 + _backlog.DropAll(); // its client waits for it, and asks again when it has come back
                _intake = OutboundIntake.Overrun;
            }
            else
            {
                _drops.Full++; // never a reason to close: the client gets what is logged when it reads on
            }

            return false;
        }

        AddLocked(frame);
        return true;
    }

    private void FallBehindLocked()
    {
        _backlog.DropLogged();
        _isBehind = true;
        prefix!.OnFellBehind(); // only a queue with one falls behind
    }
}
