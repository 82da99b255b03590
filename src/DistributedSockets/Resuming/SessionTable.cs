using System.Collections.Concurrent;

namespace DistributedSockets;

/// <summary>The sessions of one hub that this node owns, and who waits for a change of the groups of any.</summary>
internal sealed class SessionTable(HubConnections hub, SessionChanges changes, string nodeId)
{
    private readonly Lock _gate = new();
    private readonly ConcurrentDictionary<string, ResumableSession> _sessions = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<Guid, TaskCompletionSource> _waiting = new();

    internal ICollection<ResumableSession> All => _sessions.Values;

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

    /// <summary>Waits until the lane comes to a change that is about to be appended.</summary>
    internal Task Expect(Guid requestId) => _waiting.GetOrAdd(requestId, static _ => new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    internal void Forget(Guid requestId) => _waiting.TryRemove(requestId, out _);

    /// <summary>The lane has come to a change.</summary>
    internal void OnChange(in SessionGroupChange change, long offset)
    {
        if (change.Kind == WebSocketTargetKind.Users)
        {
            foreach (var (_, session) in _sessions)
            {
                if (change.Means(session))
                {
                    Take(session, change, offset);
                }
            }
        }
        else if (Find(change.Subject) is { } session)
        {
            Take(session, change, offset);
        }

        if (_waiting.TryRemove(change.RequestId, out var waiting))
        {
            waiting.TrySetResult();
        }
    }

    private void Take(ResumableSession session, in SessionGroupChange change, long offset)
    {
        session.Note(offset, change.Group, change.IsJoin);
        Settle?.Invoke(session);
    }
}
