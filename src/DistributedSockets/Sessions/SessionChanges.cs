namespace DistributedSockets;

/// <summary>The changes of this node's sessions that wait for the session store, in the order they happened; bounded.</summary>
internal sealed class SessionChanges(int capacity)
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0, 1);
    private readonly List<SessionChange> _waiting = [];
    private bool _rewriteNeeded;
    private bool _lost;

    /// <summary>Adds a change. Called under the hub's gate, so that the order is that of the events.</summary>
    internal void Add(SessionChange change)
    {
        lock (_gate)
        {
            _waiting.Add(change);
            TrimLocked(_waiting);
        }

        Wake();
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
            TrimLocked(changes);
            rewrite |= _rewriteNeeded || _lost;
            lost |= _lost;
            _rewriteNeeded = false;
            _lost = false;
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

    private void TrimLocked(List<SessionChange> changes)
    {
        if (changes.Count > capacity)
        {
            // All sessions are written again instead. What remains is kept for its events, the newest half at most.
            _rewriteNeeded = true;
            changes.RemoveAll(static waiting => waiting.Kind is SessionChangeKind.GroupAdded or SessionChangeKind.GroupRemoved);
            changes.RemoveRange(0, Math.Max(0, changes.Count - (capacity / 2)));
        }
    }
}
