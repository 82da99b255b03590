namespace DistributedSockets.Testing;

/// <summary>Keeps what a node tells of the cluster. The last of its observers, so the app's own have been told when it has.</summary>
internal sealed class NodeRecorder(CrashGate gate, Pulse pulse) : IClusterObserver
{
    private readonly Lock _gate = new();
    private readonly List<Session> _started = [];
    private readonly List<SessionEnded> _ended = [];
    private readonly List<PossibleLoss> _losses = [];

    internal IReadOnlyList<Session> Started => Copy(_started);

    internal IReadOnlyList<SessionEnded> Ended => Copy(_ended);

    internal IReadOnlyList<PossibleLoss> Losses => Copy(_losses);

    /// <summary>How many sessions of lost nodes have been told of.</summary>
    internal int LostCount
    {
        get
        {
            lock (_gate)
            {
                return _ended.Count(static ended => ended.Cause == SessionEndCause.NodeLost);
            }
        }
    }

    public ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => Add(_started, session);

    public ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => Add(_ended, ended);

    public ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken) => Add(_losses, loss);

    private ValueTask Add<T>(List<T> list, T item)
    {
        lock (_gate)
        {
            if (!gate.IsCrashed)
            {
                list.Add(item);
            }
        }

        pulse.Fire();
        return ValueTask.CompletedTask;
    }

    private List<T> Copy<T>(List<T> list)
    {
        lock (_gate)
        {
            return [.. list];
        }
    }
}
