namespace DistributedSockets;

/// <summary>The changes of this node's sessions that wait for the session store, in the order they happened; bounded.</summary>
internal sealed class SessionChanges(int capacity)
{
    private readonly Lock _gate = new();
    private readonly SemaphoreSlim _signal = new(0, 1);
    private List<SessionChange> _waiting = [];
    private bool _rewriteNeeded;

    /// <summary>Adds a change. Called under the hub's gate, so that the order is that of the events.</summary>
    internal void Add(SessionChange change)
    {
        lock (_gate)
        {
            _waiting.Add(change);
            if (_waiting.Count > capacity)
            {
                // All sessions are written again instead. What remains is kept for its events, the newest half at most.
                _rewriteNeeded = true;
                _waiting.RemoveAll(static waiting => waiting.Kind is SessionChangeKind.GroupAdded or SessionChangeKind.GroupRemoved);
                _waiting.RemoveRange(0, Math.Max(0, _waiting.Count - (capacity / 2)));
            }
        }

        Wake();
    }

    /// <summary>Has all sessions written again, since the store may have lost them.</summary>
    internal void RequestRewrite()
    {
        lock (_gate)
        {
            _rewriteNeeded = true;
        }

        Wake();
    }

    /// <summary>Takes all that waits. If <c>Rewrite</c> is set, the store is to be given every session anew instead of the changes.</summary>
    internal (List<SessionChange> Changes, bool Rewrite) Take()
    {
        lock (_gate)
        {
            var taken = (_waiting, _rewriteNeeded);
            _waiting = [];
            _rewriteNeeded = false;
            return taken;
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
}
