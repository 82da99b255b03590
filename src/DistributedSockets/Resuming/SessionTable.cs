using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;

namespace DistributedSockets;

/// <summary>The sessions of one hub that this node owns, and who waits for a change of the groups of any.</summary>
internal sealed class SessionTable(HubConnections hub, SessionChanges changes, string nodeId)
{
    /// <summary>How many endings are known to those who are adopted later; who needs an older one finds it in the log.</summary>
    private const int MaxEndings = 1_000;

    private readonly Lock _gate = new();
    private readonly Queue<(long Offset, SessionEnding Ending)> _endings = new(); // the last that the lane has passed; guarded by the gate
    private readonly ConcurrentDictionary<string, ResumableSession> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, WaitingChange> _waiting = new();
    private int _expected; // as many as wait: asked at each entry
    private readonly ConcurrentDictionary<string, TaskCompletionSource> _taking = new(StringComparer.Ordinal);

    internal ICollection<ResumableSession> All => _sessions.Values;

    internal bool Any => !_sessions.IsEmpty;

    /// <summary>Carries out at the connection of a session what the log says of its groups. Set before there are sessions.</summary>
    internal Action<ResumableSession>? Settle { get; set; }

    /// <summary>Ends sessions. Set before there are sessions.</summary>
    internal Action<IReadOnlyCollection<ResumableSession>, DisconnectReason>? End { get; set; }

    /// <summary>Has the log read for a session whose queue has fallen behind. Called under the queue's lock, so it only hands on. Set before there are sessions.</summary>
    internal Action<ResumableSession>? FellBehind { get; set; }

    /// <summary>Has the record of a session written elsewhere, and tells the session afterwards that it was tried. Set before there are sessions.</summary>
    internal Action<ResumableSession>? WriteSoon { get; set; }

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

    /// <summary>Whether a session is here, or somebody is about to go on with it here.</summary>
    internal bool IsHereOrComing(string id) => _taking.ContainsKey(id) || _sessions.ContainsKey(id); // in this order, as whoever goes on with it adds it first

    internal void EndTaking(string id)
    {
        if (_taking.TryRemove(id, out var own))
        {
            own.TrySetResult();
        }
    }

    /// <summary>The log has lost entries, which the lane hears of now: tells the clients for whom it was read when they were lost already.</summary>
    /// <param name="lostTo">Up to which offset entries are lost.</param>
    /// <param name="offset">Where that stands in the log.</param>
    internal void OnGap(long lostTo, long offset)
    {
        foreach (var (_, session) in _sessions)
        {
            if (session.CaughtUp.Behind < lostTo && session.CaughtUp.UpTo > lostTo // only what came after the loss is further on
                && session.Connection is { Queue.IsBehind: false } connection && session.TryTellGap(lostTo, offset))
            {
                connection.TellGap();
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
    internal Task<RemoteCommandOutcome?> Expect(Guid requestId, Action? landing)
    {
        Interlocked.Increment(ref _expected);
        return _waiting.GetOrAdd(requestId, new WaitingChange(landing)).Done.Task;
    }

    /// <summary>Says where the change stands, so that nobody waits for it when the lane passes it unseen, as one does that begins behind it.</summary>
    /// <param name="requestId">The id in the change.</param>
    /// <param name="position">Where it stands.</param>
    /// <param name="reached">Where the lane is.</param>
    internal void Note(Guid requestId, LogPosition position, LogPosition reached)
    {
        if (_waiting.TryGetValue(requestId, out var waiting))
        {
            waiting.Position = new(position);
            OnReached(reached);
        }
    }

    /// <returns>False if the lane has come to the change.</returns>
    internal bool Forget(Guid requestId) => TryForget(requestId, out _);

    /// <summary>The lane has passed all entries up to a position.</summary>
    internal void OnReached(in LogPosition position)
    {
        if (Volatile.Read(ref _expected) == 0)
        {
            return;
        }

        foreach (var (requestId, waiting) in _waiting)
        {
            if (waiting.Position is { Value: var expected } && !position.IsBefore(expected) && TryForget(requestId, out _))
            {
                waiting.Done.TrySetResult(null);
            }
        }
    }

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

        if (TryForget(change.RequestId, out var waiting))
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

    /// <summary>The lane has come to an ending: those who are meant and were there before it end. Those who are behind, and whose groups are not known yet, find it in the log.</summary>
    internal void OnEnding(in SessionEnding ending, long offset)
    {
        lock (_gate)
        {
            _endings.Enqueue((offset, ending));
            if (_endings.Count > MaxEndings)
            {
                _endings.Dequeue();
            }
        }

        List<ResumableSession>? meant = null;
        foreach (var (_, session) in _sessions)
        {
            if (IsMeant(session, ending, offset))
            {
                session.Ending ??= ending.Reason; // now, before its position moves on
                (meant ??= []).Add(session);
            }
        }

        if (meant is not null)
        {
            End?.Invoke(meant, ending.Reason);
        }
    }

    /// <summary>Why a session should have ended that comes from a lost node: the lane has passed an ending that means it.</summary>
    internal DisconnectReason? EndingOf(ResumableSession session)
    {
        lock (_gate)
        {
            foreach (var (offset, ending) in _endings)
            {
                if (IsMeant(session, ending, offset))
                {
                    return ending.Reason;
                }
            }
        }

        return null;
    }

    private static bool IsMeant(ResumableSession session, in SessionEnding ending, long offset) =>
        offset > session.BegunBehind && (session.KnowsGroups || ending.Kind != WebSocketTargetKind.Groups) && ending.Means(session, offset);

    private bool TryForget(Guid requestId, [NotNullWhen(true)] out WaitingChange? waiting)
    {
        if (!_waiting.TryRemove(requestId, out waiting))
        {
            return false;
        }

        Interlocked.Decrement(ref _expected);
        return true;
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
        private volatile StrongBox<LogPosition>? _position;

        internal TaskCompletionSource<RemoteCommandOutcome?> Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Where the change stands, once that is known.</summary>
        internal StrongBox<LogPosition>? Position
        {
            get => _position;
            set => _position = value;
        }
    }
}
