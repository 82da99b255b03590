namespace DistributedSockets;

/// <summary>The queue of a session that can be resumed: it follows the log live, or is behind it and is given what is read.</summary>
internal sealed partial class OutboundQueue
{
    private bool _isBehind;

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

    /// <summary>Takes no more live frames of the log, and forgets those that wait: they are read behind the last one that was written.</summary>
    internal void FallBehind()
    {
        lock (_gate)
        {
            FallBehindLocked();
        }
    }

    /// <summary>Takes live frames of the log again. All before have been queued.</summary>
    internal void CatchUp()
    {
        lock (_gate)
        {
            _isBehind = false;
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
        if (frame.LogOffset > 0 && _isBehind)
        {
            return false; // it is read
        }

        if (!_backlog.HasRoomFor(frame))
        {
            if (frame.LogOffset > 0)
            {
                FallBehindLocked();
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
        if (!_isBehind)
        {
            _isBehind = true;
            prefix!.OnFellBehind(); // only a queue with one falls behind
        }
    }
}
