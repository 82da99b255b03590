namespace DistributedSockets;

/// <summary>The changes of this node's sessions that wait for the session store, in the order they happened; bounded in number and in bytes.</summary>
internal sealed class SessionChanges(int maxCount, long maxBytes)
{
    // What an object or two cost besides the names in them. An estimate: what matters is that it grows with what is held.
    private const int BytesPerChange = 128;
    private const int BytesPerName = 32;

    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly List<SessionChange> _waiting = [];
    private long _bytes;
    private int _droppedEvents;
    private bool _rewriteNeeded;
    private bool _lost;

    /// <summary>Whether all sessions are to be written again, so that changes taken before need not be.</summary>
    internal bool IsRewriteWanted
    {
        get
        {
            lock (_gate)
            {
                return _rewriteNeeded || _lost;
            }
        }
    }

    /// <summary>Adds a change. Called under the connection's gate, so that the order of its changes is that of the events.</summary>
    internal void Add(SessionChange change)
    {
        var bytes = BytesOf(change); // before the lock, which all connections share
        bool isFirst;
        lock (_gate)
        {
            if ((_rewriteNeeded || _lost) && !IsEvent(change))
            {
                return; // all sessions will be read after this
            }

            isFirst = _waiting.Count == 0;
            _waiting.Add(change);
            _bytes += bytes;
            if (_waiting.Count > maxCount || _bytes > maxBytes)
            {
                _rewriteNeeded = true;
                _bytes = TrimLocked(_waiting);
            }
        }

        if (isFirst)
        {
            Wake(); // who takes takes all
        }
    }

    /// <summary>Has all sessions written again, since the store may have lost them.</summary>
    internal void RequestRewrite()
    {
        lock (_gate)
        {
            _lost = true;
        }

        Wake();
    }

    /// <summary>Takes all that waits.</summary>
    /// <param name="changes">Where the changes go, behind those that are there.</param>
    /// <param name="rewrite">Set if the store is to be given every session anew instead of the changes.</param>
    /// <param name="lost">Set if the store may have lost all sessions of this node.</param>
    internal void Take(List<SessionChange> changes, ref bool rewrite, ref bool lost)
    {
        lock (_gate)
        {
            changes.AddRange(_waiting);
            _waiting.Clear();
            _bytes = 0;
            rewrite |= _rewriteNeeded || _lost;
            lost |= _lost;
            _rewriteNeeded = false;
            _lost = false;
            if (rewrite)
            {
                TrimLocked(changes);
            }
        }
    }

    /// <summary>How many sessions that began or ended were not kept for the observers, since this was last asked.</summary>
    internal int TakeDroppedEvents()
    {
        lock (_gate)
        {
            var dropped = _droppedEvents;
            _droppedEvents = 0;
            return dropped;
        }
    }

    internal Task WaitAsync(CancellationToken cancellationToken) => _signal.WaitAsync(cancellationToken);

    internal void Wake()
    {
        lock (_signal)
        {
            if (_signal.CurrentCount == 0)
            {
                _signal.Release();
            }
        }
    }

    private static bool IsEvent(SessionChange change) => change is { Kind: SessionChangeKind.Saved or SessionChangeKind.Ended, IsContinued: false };

    private static long BytesOf(SessionChange change)
    {
        if (change.Group is { } group)
        {
            return BytesPerChange + BytesPerName + (sizeof(char) * group.Length);
        }

        var session = change.Session;
        long bytes = BytesPerChange + BytesPerName + (sizeof(char) * (session.ConnectionId.Length + (session.UserId?.Length ?? 0)));
        foreach (var name in session.Groups)
        {
            bytes += BytesPerName + (sizeof(char) * name.Length);
        }

        foreach (var (name, value) in session.Properties)
        {
            bytes += (2 * BytesPerName) + (sizeof(char) * (name.Length + value.Length));
        }

        return bytes;
    }

    /// <summary>Leaves what is kept for its events while all sessions are written again: the newest, if there are too many.</summary>
    /// <returns>The bytes of what is left.</returns>
    private long TrimLocked(List<SessionChange> changes)
    {
        changes.RemoveAll(static change => !IsEvent(change));
        var all = 0L;
        foreach (var change in changes)
        {
            all += BytesOf(change);
        }

        if (changes.Count <= maxCount && all <= maxBytes)
        {
            return all;
        }

        // The newest half, so that this is not done again at each change.
        var bytes = 0L;
        var first = changes.Count;
        for (; first > 0 && changes.Count - first < maxCount / 2; first--)
        {
            var more = BytesOf(changes[first - 1]);
            if (bytes + more > maxBytes / 2)
            {
                break;
            }

            bytes += more;
        }

        _droppedEvents += first;
        changes.RemoveRange(0, first);
        return bytes;
    }
}
