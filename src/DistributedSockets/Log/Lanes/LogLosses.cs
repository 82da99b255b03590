namespace DistributedSockets;

/// <summary>Notices what the log of a hub has lost or removed before this node had received it, and reports each loss once. Used by the hub's lane alone.</summary>
internal sealed class LogLosses(HubConnections hub, HubLogs logs, LossReporter losses, TimeProvider time)
{
    private long _received; // the last offset of this epoch that is known to have been an entry: the lane may be further, where entries were removed
    private long _removalsTold; // up to which offset
    private long? _jumpedFrom; // what was received when the log skipped ahead
    private bool _gapTold; // for that jump
    private Intact _intact; // nothing that was appended before is missing
    private Intact _intactBeforeJump;

    /// <summary>The lane begins behind an entry that is there.</summary>
    /// <param name="offset">Its offset.</param>
    /// <param name="askedAt">When the log was asked where it ends: a timestamp.</param>
    internal void BeginBehind(long offset, long askedAt)
    {
        _received = offset;
        OnIntact(askedAt);
    }

    /// <summary>The lane has all that the log had when it was asked.</summary>
    /// <param name="askedAt">When that was: a timestamp.</param>
    internal void OnIntact(long askedAt) => _intact = new(DateTimeOffset.MaxValue, askedAt);

    /// <summary>The lane has come to an entry. Where the log skips ahead and names an entry before those that this node has, it has lost these, and all must know.</summary>
    internal void OnEntry(in LogArrival arrival)
    {
        var entry = arrival.Entry;
        if (entry.Offset > entry.PreviousOffset + 1)
        {
            (_jumpedFrom, _intactBeforeJump, _gapTold) = (_received, _intact, false);
            if (entry.PreviousOffset < _received)
            {
                logs.TellLost(hub, arrival.Position.Epoch, entry.PreviousOffset, _received);
            }
        }

        _received = entry.Offset;
        _intact = new(entry.AppendedAt, arrival.Since);
    }

    /// <summary>Somebody tells that the log has lost entries. Those that this node had received are no loss here.</summary>
    /// <param name="gap">What is told.</param>
    /// <param name="offset">Where it stands in the log.</param>
    internal void OnGap(in Envelope gap, long offset)
    {
        if (!gap.Body().TryReadLogGap(out _, out var upTo))
        {
            return;
        }

        hub.Sessions.OnGap(upTo, offset);
        if (_jumpedFrom < upTo && !_gapTold)
        {
            _gapTold = true;
            Report(
                $"The log of hub '{hub.Name}' has lost entries up to {upTo} that this node had not received, as by a failover to a server that lacks the last ones.",
                _intactBeforeJump);
        }
    }

    /// <summary>What was read has a gap: entries behind the place where reading began had been removed.</summary>
    internal void OnRemoved(long after, long removedTo)
    {
        if (removedTo > Math.Max(after, _removalsTold))
        {
            _removalsTold = removedTo;
            Report($"The log of hub '{hub.Name}' had removed entries up to {removedTo} before this node could read on behind {after}. Have it keep them for longer.", _intact);
        }
    }

    /// <summary>The log ends before entries that are known to have been there, and that this node does not have.</summary>
    internal void OnShort(in LogPosition end, long upTo)
    {
        _received = upTo; // so that a gap which others tell of is not reported again
        Report(
            $"The log of hub '{hub.Name}' ends at {end} and had entries up to {upTo} that this node had not received, as before a failover to a server that lacks the last ones.",
            _intact);
    }

    /// <summary>The log has begun a new life. Whatever stood behind the position in the earlier one is lost.</summary>
    internal void OnBegunAnew(in LogPosition left)
    {
        (_received, _removalsTold, _jumpedFrom) = (0, 0, null);
        Report($"The log of hub '{hub.Name}' has begun anew, so what it held behind {left} is gone.", _intact);
    }

    private void Report(string description, in Intact intact)
    {
        hub.Sessions.FallBehind(); // each finds out by reading whether something is missing for its client, and tells it
        losses.Report(PossibleLossCause.MessageLog, description, intact.At(time));
    }

    /// <summary>A moment of which nothing is missing: by the clock of the log, if that said it, and as a timestamp of this node. The earlier one counts.</summary>
    private readonly record struct Intact(DateTimeOffset ByLog, long Timestamp)
    {
        internal DateTimeOffset At(TimeProvider time)
        {
            var byNode = time.GetUtcNow() - time.GetElapsedTime(Timestamp);
            return ByLog < byNode ? ByLog : byNode;
        }
    }
}
