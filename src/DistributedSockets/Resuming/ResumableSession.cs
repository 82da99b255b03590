namespace DistributedSockets;

/// <summary>A session that this node owns, whether its client is connected or away.</summary>
internal sealed class ResumableSession
{
    private readonly Lock _gate = new();
    private readonly SessionMemberships _memberships;
    private readonly HandledMessages _handled;
    private readonly SessionCheckpoint _begun;
    private IReadOnlyDictionary<string, string> _properties;
    private bool _isChanged;
    private bool _isGone;
    private long _gapsToldTo;
    private int _isReading;
    private bool _isWriteAsked;
    private long _acknowledgedSeen = -1;
    private long _unacknowledgedSince;

    /// <param name="id">Its id.</param>
    /// <param name="checkpoint">What its record holds.</param>
    /// <param name="version">The version of the record.</param>
    /// <param name="options">The options of the hub.</param>
    internal ResumableSession(string id, SessionCheckpoint checkpoint, long version, HubOptions options)
    {
        (Id, Version, _begun, _properties) = (id, version, checkpoint, checkpoint.Properties);
        _memberships = new(checkpoint.Groups, checkpoint.Position.Offset);
        _handled = new(checkpoint.HandledIds);
        NotUnderstoodAt = checkpoint.NotUnderstoodAt;
        Numbers = new(checkpoint.Number, checkpoint.Position.Offset, options.MaxUnacknowledgedMessages, options.MaxUnacknowledgedBytes);
    }

    internal string Id { get; }

    internal string? UserId => _begun.UserId;

    internal DateTimeOffset ConnectedAt => _begun.ConnectedAt;

    /// <summary>The life of the log in which its offsets count.</summary>
    internal long Epoch => _begun.Position.Epoch;

    internal SessionNumbers Numbers { get; }

    /// <summary>What others know of it. Set when it is added to those of its hub.</summary>
    internal SessionStanding Standing { get; set; } = null!;

    /// <summary>Whether all changes of its groups that the lane has passed are known: the log has been read from its position to the lane's.</summary>
    internal bool KnowsGroups { get; set; }

    /// <summary>The offset of the entry for which the client was last sent to another node, as its node did not understand it; 0 if there was none.</summary>
    internal long NotUnderstoodAt { get; set; }

    /// <summary>Whether its client was sent away for such an entry and has come to a node that understands it no better: entries like it are gaps for this connection.</summary>
    internal bool IsSentOn => _begun.NotUnderstoodAt > _begun.Position.Offset;

    /// <summary>Held by whoever writes the record.</summary>
    internal SemaphoreSlim Writing { get; } = new(1);

    /// <summary>The version of its record, the fence. Changed by whoever holds <see cref="Writing"/>.</summary>
    internal long Version { get; set; }

    /// <summary>Whether it has another owner, or none any more.</summary>
    internal bool IsGone
    {
        get
        {
            lock (_gate)
            {
                return _isGone;
            }
        }
    }

    /// <summary>Whether somebody else may have it, so that its record is to be looked at.</summary>
    internal bool IsDoubtful { get; set; }

    /// <summary>The calls of the handler of its connection.</summary>
    internal SessionHandling Handling { get; } = new();

    /// <summary>Since when its handler is called no more, so that another connection can go on with it: a timestamp; null if that is not so.</summary>
    internal long? ReleasedAt { get; set; }

    /// <summary>When its client was asked to come back, as the node stops: a timestamp; null if it was not.</summary>
    internal long? AskedToReturnAt { get; set; }

    /// <summary>The lease without which nothing may be read from the client, as somebody else may own the session; null where the log refuses what comes too late.</summary>
    internal NodeLease? Lease { get; init; }

    /// <summary>The connection of its client; null while that is away.</summary>
    internal Connection? Connection { get; private set; }

    /// <summary>Since when the client is away, and when the record was last written: timestamps.</summary>
    internal long AwaySince { get; private set; }

    internal long WrittenAt { get; set; }

    /// <summary>Ends when the connection that it has now has ended.</summary>
    internal TaskCompletionSource Detached { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Whether its client had a connection and is away.</summary>
    internal bool IsAway => Connection is null && Detached.Task.IsCompleted;

    internal IReadOnlyDictionary<string, string> Properties
    {
        get
        {
            lock (_gate)
            {
                return _properties;
            }
        }
    }

    /// <summary>Gives it the connection of its client; false if somebody else has it by now.</summary>
    internal bool TryAttach(Connection connection)
    {
        lock (_gate)
        {
            Connection = _isGone ? null : connection;
            return !_isGone;
        }
    }

    /// <summary>Notes that it has another owner, or none any more; returns the connection that its client has, if any.</summary>
    internal Connection? SetGone()
    {
        lock (_gate)
        {
            _isGone = true;
            return Connection;
        }
    }

    internal void Detach(long now)
    {
        lock (_gate)
        {
            Connection = null;
            AwaySince = now;
        }

        Detached.TrySetResult();
    }

    /// <summary>Has the record written elsewhere, and says afterwards that it was tried. Set when it is attached.</summary>
    internal Action? WriteSoon { get; set; }

    /// <summary>Has the record written before its time if the client has acknowledged so much that it should be.</summary>
    internal void WriteIfDue()
    {
        if (WriteSoon is { } write && Numbers.IsCheckpointDue && !Interlocked.Exchange(ref _isWriteAsked, true))
        {
            write();
        }
    }

    /// <summary>It was tried to write the record, as <see cref="WriteSoon"/> has asked.</summary>
    internal void NoteWritten() => Interlocked.Exchange(ref _isWriteAsked, false);

    /// <summary>Notes how far its client has acknowledged, and says since when it has acknowledged nothing though it could. Called from time to time by one.</summary>
    /// <param name="now">Now: a timestamp.</param>
    internal long UnacknowledgedSince(long now)
    {
        var acknowledged = Numbers.Acknowledged.Number;
        if (acknowledged != _acknowledgedSeen || Numbers.Count == 0)
        {
            (_acknowledgedSeen, _unacknowledgedSince) = (acknowledged, now);
        }

        return _unacknowledgedSince;
    }

    /// <summary>Behind which offset the log was last read for it, and up to which: from there on it gets what comes in the lane. Used by the lane.</summary>
    internal (long Behind, long UpTo) CaughtUp { get; set; }

    /// <summary>Whether its client is yet to be told that the log has lost entries up to an offset; it counts as told then.</summary>
    internal bool TryTellGap(long lostTo)
    {
        lock (_gate)
        {
            if (lostTo <= _gapsToldTo)
            {
                return false;
            }

            _gapsToldTo = lostTo;
            return true;
        }
    }

    /// <summary>Begins to read the log for it; false if that is done already.</summary>
    internal bool TryBeginReading() => Interlocked.Exchange(ref _isReading, 1) == 0;

    internal void EndReading() => Interlocked.Exchange(ref _isReading, 0);

    /// <summary>Notes a change of its groups.</summary>
    /// <param name="offset">Where the change stands.</param>
    /// <param name="change">The change, which means this session.</param>
    internal void Note(long offset, in SessionGroupChange change)
    {
        lock (_gate)
        {
            _memberships.Note(offset, change);
            _isChanged = true;
        }
    }

    internal bool IsIn(string group, long offset)
    {
        lock (_gate)
        {
            return _memberships.IsIn(group, offset);
        }
    }

    internal HashSet<string> GroupsAt(long offset)
    {
        lock (_gate)
        {
            return _memberships.At(offset);
        }
    }

    internal bool IsHandled(string messageId)
    {
        lock (_gate)
        {
            return _handled.Contains(messageId);
        }
    }

    internal void SetHandled(string messageId)
    {
        lock (_gate)
        {
            _handled.Add(messageId);
            _isChanged = true;
        }
    }

    internal void SetProperties(IReadOnlyDictionary<string, string> properties)
    {
        lock (_gate)
        {
            _properties = properties;
            _isChanged = true;
        }

        Standing.UseProperties(this);
    }

    /// <summary>Sets the properties, unless they are others than expected.</summary>
    internal bool TrySetProperties(IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties)
    {
        lock (_gate)
        {
            if (_isGone || !PropertyChange.AreSame(_properties, expected))
            {
                return false;
            }

            _properties = properties;
            _isChanged = true;
        }

        Standing.UseProperties(this);
        return true;
    }

    /// <summary>Whether there is more to write than the position.</summary>
    internal bool IsChanged
    {
        get
        {
            lock (_gate)
            {
                return _isChanged;
            }
        }
    }

    /// <summary>Whether a token is the one with which it is resumed.</summary>
    internal bool IsTokenOf(ReadOnlySpan<char> token) => SessionId.IsTokenOf(token, _begun.TokenDigest.Span);

    /// <summary>What its record was to hold has not been written.</summary>
    internal void NoteNotWritten()
    {
        lock (_gate)
        {
            _isChanged = true;
        }
    }

    /// <summary>What its record is to hold now.</summary>
    internal SessionCheckpoint Checkpoint(string owner)
    {
        lock (_gate)
        {
            var (number, offset) = Numbers.Acknowledged;
            _memberships.MoveTo(offset);
            _isChanged = _memberships.Changes > 0;
            return _begun with
            {
                Owner = owner,
                Position = new(Epoch, offset),
                Number = number,
                Groups = [.. _memberships.AtPosition],
                Properties = _properties,
                HandledIds = [.. _handled.OldestFirst],
                NotUnderstoodAt = NotUnderstoodAt,
            };
        }
    }
}
