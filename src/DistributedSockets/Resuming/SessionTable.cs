using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>The sessions of one hub that this node owns, and who waits for a change of the groups of any.</summary>
internal sealed class SessionTable(HubConnections hub, SessionChanges changes, string nodeId)
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, ResumableSession> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, WaitingChange> _waiting = new();
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _taking = new(StringComparer.Ordinal);

    internal ICollection<ResumableSession> All => _sessions.Values;

    internal bool Any => !_sessions.IsEmpty;

    /// <summary>Carries out at the connection of a session what the log says of its groups. Set before there are sessions.</summary>
    internal Action<ResumableSession>? Settle { get; set; }

    internal ResumableSession? Find(string id) => _sessions.GetValueOrDefault(id);

    /// <summary>Adds a session, in place of what was known of it here before.</summary>
    /// <param name="session">The session.</param>
    /// <param name="isNew">Whether it begins.</param>
    internal void Add(ResumableSession session, bool isNew)
    {
        lock (_gate)
        {
            session.Standing = Find(session.Id)?.Standing ?? new(hub, changes, nodeId, isNew);
            session.Standing.Use(session);
            _sessions[session.Id] = session;
        }
    }

    /// <summary>Lets go of a session that has ended or has another owner, unless it has come back meanwhile.</summary>
    /// <param name="session">The session.</param>
    /// <param name="isContinued">Whether it has another owner.</param>
    internal void Remove(ResumableSession session, bool isContinued)
    {
        lock (_gate)
        {
            if (_sessions.TryRemove(new(session.Id, session)))
            {
                session.Standing.End(isContinued);
            }
        }
    }

    /// <summary>Waits until nobody else here is about to go on with a session. Pair it with <see cref="EndTaking"/>.</summary>
    internal async ValueTask BeginTakingAsync(string id, CancellationToken cancellationToken)
    {
        var own = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        while (_taking.GetOrAdd(id, own) is var other && other != own)
        {
            await other.Task.WaitAsync(cancellationToken);
        }
    }

    internal void EndTaking(string id)
    {
        if (_taking.TryRemove(id, out var own))
        {
            own.TrySetResult();
        }
    }

    /// <summary>The log has lost entries, which the lane hears of now: tells the clients for whom it was read when they were lost already.</summary>
    internal void OnGap(long lostTo)
    {
        foreach (var (_, session) in _sessions)
        {
            if (session.CaughtUp.Behind < lostTo && session.CaughtUp.UpTo > lostTo // only what came after the loss is further on
                && session.Connection is { Queue.IsBehind: false } connection && session.TryTellGap(lostTo))
            {
                connection.SendOfProtocol(ResumeV1.Gap());
            }
        }
    }

    /// <summary>Has all whose clients are connected read the log from the last number that they were sent.</summary>
    internal void FallBehind()
    {
        foreach (var (_, session) in _sessions)
        {
            session.Connection?.Queue.FallBehind();
        }
    }

    /// <summary>Waits until the lane comes to a change that is about to be appended.</summary>
    /// <param name="requestId">The id in the change.</param>
    /// <param name="landing">Called when the change has a session of this node join. Neither waits nor throws.</param>
    /// <returns>What came of it, as far as this node knows: null if it owns no session that is meant, or does not know all of its groups.</returns>
    internal Task<RemoteCommandOutcome?> Expect(Guid requestId, Action? landing) => _waiting.GetOrAdd(requestId, new WaitingChange(landing)).Done.Task;

    /// <returns>False if the lane has come to the change.</returns>
    internal bool Forget(Guid requestId) => _waiting.TryRemove(requestId, out _);

    /// <summary>The lane has come to a change.</summary>
    internal void OnChange(in SessionGroupChange change, long offset)
    {
        RemoteCommandOutcome? outcome = null;
        if (change.Kind == WebSocketTargetKind.Users)
        {
            foreach (var (_, session) in _sessions)
            {
                if (change.Means(session.Id, session.UserId))
                {
                    var taken = Take(session, change, offset);
                    outcome = outcome == RemoteCommandOutcome.TooManyGroups ? outcome : taken;
                }
            }
        }
        else if (Find(change.Subject) is { } session)
        {
            outcome = Take(session, change, offset);
        }

        if (_waiting.TryRemove(change.RequestId, out var waiting))
        {
            try
            {
                if (change.IsJoin && outcome != RemoteCommandOutcome.TooManyGroups)
                {
                    waiting.Landing?.Invoke();
                }
            }
            finally
            {
                waiting.Done.TrySetResult(outcome);
            }
        }
    }

    private RemoteCommandOutcome? Take(ResumableSession session, in SessionGroupChange change, long offset)
    {
        session.Note(offset, change);
        Settle?.Invoke(session);
        return !session.KnowsGroups ? null
            : change is { IsJoin: true, Group: { } group } && !session.IsIn(group, offset) ? RemoteCommandOutcome.TooManyGroups
            : RemoteCommandOutcome.Done;
    }

    private sealed record WaitingChange(Action? Landing)
    {
        internal TaskCompletionSource<RemoteCommandOutcome?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
