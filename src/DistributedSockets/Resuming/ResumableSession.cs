using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>A session that this node owns, whether its client is connected or away.</summary>
/// <remarks>There may be very many that do nothing, so what is seldom needed is made when it is, and its own lock guards what changes.</remarks>
internal sealed class ResumableSession
{
    private readonly SessionMemberships _memberships;
    private readonly TokenDigest _tokenDigest;
    private readonly long _connectedAt; // in ticks of UTC
    private HandledMessages? _handled;
    private IReadOnlyDictionary<string, string> _properties;
    private SessionFence _fence;
    private TaskCompletionSource? _written; // made by whoever waits
    private bool _isWriting;
    private TaskCompletionSource? _detached; // made by whoever waits
    private bool _isDetached;
    private bool _isChanged;
    private volatile bool _isGone; // written under the lock
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
        (Id, UserId, _connectedAt, Epoch, _properties) =
            (id, checkpoint.UserId, checkpoint.ConnectedAt.UtcTicks, checkpoint.Position.Epoch, checkpoint.Properties);
        checkpoint.TokenDigest.Span.CopyTo(_tokenDigest);
        _fence = Fence(version);
        BegunBehind = checkpoint.Position.Offset;
        _memberships = new(checkpoint.Groups, BegunBehind);
        _handled = checkpoint.HandledIds.Count == 0 ? null : new(checkpoint.HandledIds);
        NotUnderstoodAt = checkpoint.NotUnderstoodAt;
        IsSentOn = checkpoint.NotUnderstoodAt > BegunBehind;
        Numbers = new(checkpoint.Number, BegunBehind, options.MaxUnacknowledgedMessages, options.MaxUnacknowledgedBytes) { Session = this };
    }

    internal string Id { get; }

    internal string? UserId { get; }

    internal DateTimeOffset ConnectedAt => new(_connectedAt, TimeSpan.Zero);

    /// <summary>The life of the log in which its offsets count.</summary>
    internal long Epoch { get; }

    /// <summary>Behind which offset this node goes on with it.</summary>
    internal long BegunBehind { get; }

    internal SessionNumbers Numbers { get; }

    /// <summary>What others know of it. Set when it is added to those of its hub.</summary>
    internal SessionStanding Standing { get; set; } = null!;

    /// <summary>Whether all changes of its groups that the lane has passed are known: the log has been read from its position to the lane's.</summary>
    internal bool KnowsGroups { get; set; }

    /// <summary>The offset of the entry for which the client was last sent to another node, as its node did not understand it; 0 if there was none.</summary>
    internal long NotUnderstoodAt { get; set; }

    /// <summary>Whether its client was sent away for such an entry and has come to a node that understands it no better: entries like it are gaps for this connection.</summary>
    internal bool IsSentOn { get; }

    /// <summary>Whether somebody is writing its record.</summary>
    internal bool IsWriting
    {
        get
        {
            lock (this)
            {
                return _isWriting;
            }
        }
    }

    /// <summary>The version of its record. Changed by whoever writes that.</summary>
    internal long Version => _fence.Version;

    /// <summary>The version that its record gets next. If it turns out to have it already, an earlier attempt to write it was done, though nobody said so.</summary>
    internal long NextVersion => _fence.NextVersion;

    /// <summary>Whether it has another owner, or none any more.</summary>
    internal bool IsGone => _isGone;

    /// <summary>Whether somebody else may have it, so that its record is to be looked at.</summary>
    internal bool IsDoubtful { get; set; }

    /// <summary>Why the app has ended it, though its record may not say so yet; null if it has not.</summary>
    internal DisconnectReason? Ending { get; set; }

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

    /// <summary>Whether its client had a connection and is away.</summary>
    internal bool IsAway
    {
        get
        {
            lock (this)
            {
                return Connection is null && _isDetached;
            }
        }
    }

    internal IReadOnlyDictionary<string, string> Properties
    {
        get
        {
            lock (this)
            {
                return _properties;
            }
        }
    }

    /// <summary>What is appended to the log under it is refused when somebody else has the session.</summary>
    /// <exception cref="StaleFenceException">That is so, or nobody can be sure that it is not.</exception>
    internal SessionFence GetFence() =>
        _isGone ? throw new StaleFenceException()
        : Lease is { IsHeld: false } ? throw new StaleFenceException("This node does not hold its lease, so that the session may have another owner by now. The entry was not appended for it.")
        : Volatile.Read(ref _fence);

    /// <summary>The record has its next version.</summary>
    internal void NoteVersion() => Volatile.Write(ref _fence, Fence(NextVersion));

    private SessionFence Fence(long version) => new() { SessionId = Id, Version = version, NextVersion = SessionId.CreateVersion() };

    /// <summary>Gives it the connection of its client; false if somebody else has it by now.</summary>
    internal bool TryAttach(Connection connection)
    {
        lock (this)
        {
            Connection = _isGone ? null : connection;
            return !_isGone;
        }
    }

    /// <summary>Notes that it has another owner, or none any more; returns the connection that its client has, if any.</summary>
    internal Connection? SetGone()
    {
        lock (this)
        {
            _isGone = true;
            return Connection;
        }
    }

    internal void Detach(long now)
    {
        lock (this)
        {
            Connection = null;
            AwaySince = now;
            _isDetached = true;
            _detached?.TrySetResult(); // who waits goes on elsewhere
        }
    }

    /// <summary>Waits until the connection that it has now has ended.</summary>
    internal Task DetachedAsync()
    {
        lock (this)
        {
            return _isDetached ? Task.CompletedTask : (_detached ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Waits until nobody else writes the record. Pair it with <see cref="EndWriting"/>.</summary>
    internal async ValueTask BeginWritingAsync(CancellationToken cancellationToken = default)
    {
        while (TryBeginWriting() is { } others)
        {
            await others.WaitAsync(cancellationToken);
        }
    }

    internal void EndWriting()
    {
        lock (this)
        {
            _isWriting = false;
            _written?.TrySetResult(); // who waits goes on elsewhere
            _written = null;
        }
    }

    /// <summary>The sessions of the hub, which read the log for it and write its record while it has a connection; null before and afterwards.</summary>
    internal SessionTable? Keeper { get; set; }

    /// <summary>Called, under the queue's lock, when the queue of its connection has fallen behind.</summary>
    internal void OnFellBehind() => Keeper?.FellBehind?.Invoke(this);

    /// <summary>Has the record written before its time if the client has acknowledged so much that it should be.</summary>
    internal void WriteIfDue()
    {
        if (Keeper?.WriteSoon is { } write && Numbers.IsCheckpointDue && !Interlocked.Exchange(ref _isWriteAsked, true))
        {
            write(this);
        }
    }

    /// <summary>It was tried to write the record, as <see cref="WriteIfDue"/> has asked.</summary>
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
    /// <param name="lostTo">Up to which offset.</param>
    /// <param name="offset">Where that stands in the log. Several nodes tell of one loss, each as far as it knows of it: whoever has been told here has been told of all before.</param>
    internal bool TryTellGap(long lostTo, long offset)
    {
        lock (this)
        {
            if (lostTo <= _gapsToldTo)
            {
                return false;
            }

            _gapsToldTo = offset;
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
        lock (this)
        {
            _memberships.Note(offset, change);
            _isChanged = true;
        }
    }

    internal bool IsIn(string group, long offset)
    {
        lock (this)
        {
            return _memberships.IsIn(group, offset);
        }
    }

    internal HashSet<string> GroupsAt(long offset)
    {
        lock (this)
        {
            return _memberships.At(offset);
        }
    }

    internal bool IsHandled(string messageId)
    {
        lock (this)
        {
            return _handled is not null && _handled.Contains(messageId);
        }
    }

    internal void SetHandled(string messageId)
    {
        lock (this)
        {
            (_handled ??= new([])).Add(messageId);
            _isChanged = true;
        }
    }

    internal void SetProperties(IReadOnlyDictionary<string, string> properties)
    {
        lock (this)
        {
            _properties = properties;
            _isChanged = true;
        }

        Standing.UseProperties(this);
    }

    /// <summary>Sets the properties, unless they are others than expected.</summary>
    internal bool TrySetProperties(IReadOnlyDictionary<string, string> expected, IReadOnlyDictionary<string, string> properties)
    {
        lock (this)
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
            lock (this)
            {
                return _isChanged;
            }
        }
    }

    /// <summary>Whether a token is the one with which it is resumed.</summary>
    internal bool IsTokenOf(ReadOnlySpan<char> token) => SessionId.IsTokenOf(token, _tokenDigest);

    /// <summary>What its record was to hold has not been written.</summary>
    internal void NoteNotWritten()
    {
        lock (this)
        {
            _isChanged = true;
        }
    }

    /// <summary>What its record is to hold now.</summary>
    internal SessionCheckpoint Checkpoint(string owner)
    {
        lock (this)
        {
            var (number, offset) = Numbers.Acknowledged;
            _memberships.MoveTo(offset);
            _isChanged = _memberships.Changes > 0;
            return new()
            {
                Owner = owner,
                Position = new(Epoch, offset),
                Number = number,
                TokenDigest = ((ReadOnlySpan<byte>)_tokenDigest).ToArray(),
                UserId = UserId,
                ConnectedAt = ConnectedAt,
                Groups = _memberships.AtPosition,
                Properties = _properties,
                HandledIds = _handled is null ? [] : [.. _handled.OldestFirst],
                NotUnderstoodAt = NotUnderstoodAt,
            };
        }
    }

    /// <returns>What to wait for; null if the caller writes now.</returns>
    private Task? TryBeginWriting()
    {
        lock (this)
        {
            if (_isWriting)
            {
                return (_written ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }

            _isWriting = true;
            return null;
        }
    }

    [InlineArray(SessionCheckpoint.DigestBytes)]
    private struct TokenDigest
    {
        private byte _first;
    }
}
