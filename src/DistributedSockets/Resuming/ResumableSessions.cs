using System.Net.WebSockets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Begins sessions that can be resumed, takes them over, writes their records and ends them.</summary>
internal sealed partial class ResumableSessions(
    IMessageLog log,
    HubLogs logs,
    Hubs hubs,
    LocalNode node,
    GroupMemberships memberships,
    SessionFollower follower,
    NodeLease lease,
    AwaySessions away,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<ResumableSessions> logger)
{
    /// <summary>How many records are looked at or written at once where it is about many.</summary>
    internal const int AtOnce = 16;

    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_checkpointInterval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private readonly RareLog _excessLog = new(1, time);
    private Task _loop = Task.CompletedTask;

    private ISessionRecordStore Records => (ISessionRecordStore)log; // or the hub would have been refused at the start

    internal void Start() => _loop = RunAsync(_stopping.Token);

    /// <summary>Ends the loop, and writes the records of all sessions once more, for as long as the token allows: other nodes go on with them.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var writing = Parallel.ForEachAsync(
            All(),
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (owned, _) => await TryWriteAsync(owned.Hub, owned.Session));
        await writing.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        writing.Observe();
    }

    /// <summary>Begins a session, or goes on with the one that the client asks for if it can be; its record is written before the client is told.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="resumption">What the client has asked for; null for a new session.</param>
    /// <param name="userId">The user, if known.</param>
    /// <param name="groups">In which groups a new one begins.</param>
    /// <param name="properties">The properties of a new one.</param>
    /// <param name="beginsAnew">Whether a client whose session cannot be resumed gets a new one.</param>
    /// <param name="newId">The id of a new one, if somebody has been told of it already.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Null if the session cannot be resumed, and no new one is to begin.</returns>
    /// <exception cref="MessageLogUnavailableException">The log or the record cannot be reached.</exception>
    internal async ValueTask<AttachingSession?> AttachAsync(
        HubConnections hub,
        SessionResumption? resumption,
        string? userId,
        IReadOnlyCollection<string> groups,
        IReadOnlyDictionary<string, string> properties,
        bool beginsAnew = true,
        string? newId = null,
        CancellationToken cancellationToken = default)
    {
        Prepare(hub);
        if (logs.LaneOf(hub)?.Position is not { Epoch: > 0 } position)
        {
            throw new MessageLogUnavailableException($"The log of hub '{hub.Name}' is not subscribed yet.");
        }

        if (!Records.RefusesStaleAppends && !lease.IsHeld)
        {
            throw new MessageLogUnavailableException("This node does not hold its lease, as the session store is away, and so cannot be sure of its sessions.");
        }

        if (resumption is { } wanted)
        {
            if (await TakeAsync(hub, wanted, userId, position.Epoch, cancellationToken) is { } taken)
            {
                return taken;
            }

            if (!beginsAnew)
            {
                return null;
            }
        }

        var token = SessionId.CreateToken();
        var checkpoint = new SessionCheckpoint
        {
            Owner = node.Info.NodeId,
            Position = position,
            Number = 0,
            TokenDigest = SessionId.DigestOf(token),
            UserId = userId,
            ConnectedAt = time.GetUtcNow(),
            Groups = groups,
            Properties = properties,
        };
        var session = Create(hub, newId ?? SessionId.Create(), checkpoint, SessionId.CreateVersion());
        if (!(await SwapAsync(hub, session.Id, 0, new() { Version = session.Version, Value = SessionCheckpointFormat.Write(checkpoint) }, cancellationToken)).IsDone)
        {
            throw new MessageLogUnavailableException("A session of that id is there already.");
        }

        hub.Sessions.Add(session, isNew: true);
        return new(session, token, Received: 0, IsNew: true);
    }

    /// <summary>Has a session follow the log, now that its connection is one of the hub's.</summary>
    internal void Follow(HubConnections hub, in AttachingSession attaching, Connection connection)
    {
        var (session, received) = (attaching.Session, attaching.Received);
        session.Keeper = hub.Sessions;
        Settle(hub, session);
        Task.Run(() => FollowAsync(hub, session, connection, received)).Observe();
    }

    /// <summary>Finds which node owns a session, be its client connected or away; null if there is no such session.</summary>
    /// <exception cref="MessageLogUnavailableException">The record cannot be reached.</exception>
    internal async ValueTask<SessionOwner?> FindOwnerAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken) =>
        hub.Sessions.Find(sessionId) is { KnowsGroups: true } ? new(node.Info.NodeId, Record: null)
        : log is ISessionRecordStore && await ReadAsync(hub, sessionId, cancellationToken) is { } found ? new(found.Owner, found)
        : null;

    /// <summary>Reads what the record of a session holds; null if there is none that can be read.</summary>
    /// <exception cref="MessageLogUnavailableException">The record cannot be reached.</exception>
    internal async ValueTask<SessionCheckpoint?> ReadAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken) =>
        await ReadRecordAsync(hub, sessionId, cancellationToken) is { } record && SessionCheckpointFormat.TryRead(record.Value, out var found) ? found : null;

    /// <summary>
    /// Lets go of a session that another connection wants, here or at another node: the handler of the one that it has is called no more and given a while to
    /// return, what was sent is written, and the record tells all that is known. The old connection gets what comes until the other one has taken over.
    /// </summary>
    internal async Task ReleaseAsync(HubConnections hub, string sessionId)
    {
        if (hub.Sessions.Find(sessionId) is not { } session)
        {
            return;
        }

        if (session.Ending is not null || session.Connection is { EndsSession: true })
        {
            await TryEndAsync(hub, session, session.Ending); // the app has closed it, so there is nothing to go on with, however soon the client asks
            return;
        }

        session.ReleasedAt ??= time.GetTimestamp();
        using (var limit = new TimeLimit(ReleaseTime(hub), time))
        {
            await session.Handling.StopAsync().WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (session.Connection is { } connection)
            {
                await connection.Queue.DrainAsync().WaitAsync(limit.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }

        await TryWriteAsync(hub, session);
    }

    /// <summary>Whether this node owns any session.</summary>
    internal bool Any => hubs.All.Any(static hub => hub.Sessions.Any);

    /// <summary>Goes on with a session of a lost node, if its record still names that node.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="lost">What the session store had of it.</param>
    /// <param name="learnGroups">Is called before others are told that it is here, and must not throw.</param>
    /// <exception cref="MessageLogUnavailableException">The record cannot be reached.</exception>
    internal async ValueTask<AdoptionOutcome> AdoptAsync(HubConnections hub, Session lost, Func<HubConnections, ResumableSession, ValueTask> learnGroups)
    {
        Prepare(hub);
        var record = await ReadRecordAsync(hub, lost.ConnectionId, CancellationToken.None);
        while (record is not null && SessionCheckpointFormat.TryRead(record.Value, out var found))
        {
            var wasWritten = found.Owner == node.Info.NodeId && !hub.Sessions.IsHereOrComing(lost.ConnectionId); // by an earlier attempt, which was not answered
            if (found.Owner != lost.NodeId && !wasWritten)
            {
                return AdoptionOutcome.Elsewhere;
            }

            var checkpoint = found with { Owner = node.Info.NodeId };
            var version = SessionId.CreateVersion();
            var swap = await SwapAsync(
                hub, lost.ConnectionId, record.Version, new() { Version = version, Value = SessionCheckpointFormat.Write(checkpoint) }, CancellationToken.None);
            if (swap.IsDone)
            {
                var session = Create(hub, lost.ConnectionId, checkpoint, version);
                session.Detach(time.GetTimestamp());
                hub.Sessions.Add(session, isNew: false);
                await learnGroups(hub, session);
                session.Standing.Use(session);
                if (!session.Standing.Rest(null))
                {
                    return AdoptionOutcome.Ended;
                }

                await RestAsync(hub, session);
                if (hub.Sessions.EndingOf(session) is { } ending)
                {
                    session.Ending = ending;
                    await TryEndAsync(hub, session, ending);
                }

                return AdoptionOutcome.Adopted;
            }

            record = swap.Current;
        }

        return AdoptionOutcome.Ended;
    }

    /// <summary>
    /// This node has missed its lease, so that others may have taken its sessions: it lets go of those that they have. Where the log would take what comes too late, all
    /// sessions lose their connection first; their clients come back, here or elsewhere.
    /// </summary>
    /// <returns>Completes when all have been looked at, or cannot be at the moment; those are looked at again.</returns>
    internal async Task RevalidateAsync(CancellationToken cancellationToken)
    {
        var all = All();
        if (all.Count == 0)
        {
            return;
        }

        Log.LeaseMissed(logger, all.Count);
        foreach (var (_, session) in all)
        {
            session.IsDoubtful = true;
            if (session.Lease is not null)
            {
                session.Connection?.Abort(SessionEnds.LeaseMissed);
            }
        }

        await Parallel.ForEachAsync(
            all,
            new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellationToken },
            async (doubtful, token) => await ValidateAsync(doubtful.Hub, doubtful.Session, token));
    }

    /// <summary>Looks whether a session is still this node's, and lets go of it if not.</summary>
    internal async Task ValidateAsync(HubConnections hub, ResumableSession session, CancellationToken cancellationToken)
    {
        await session.BeginWritingAsync(cancellationToken);
        try
        {
            if (!session.IsGone && await ReadRecordAsync(hub, session.Id, cancellationToken) is var record && record?.Version != session.Version && record?.Version != session.NextVersion)
            {
                Lose(hub, session, isContinued: record is not null);
            }

            session.IsDoubtful = false;
        }
        catch (MessageLogUnavailableException)
        {
            session.IsDoubtful = true; // looked at again
        }
        finally
        {
            session.EndWriting();
        }
    }

    /// <summary>The connection of a session has ended: the session is away, unless its client has said that it is done, or the app has closed it.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="session">The session.</param>
    /// <param name="reason">Why the connection has ended.</param>
    /// <param name="isOver">Whether the app has closed it.</param>
    internal async Task DetachAsync(HubConnections hub, ResumableSession session, DisconnectReason reason, bool isOver)
    {
        session.Keeper = null;
        session.Detach(time.GetTimestamp());
        if (isOver || session.Ending is not null || reason is { Kind: DisconnectKind.ClosedByClient, CloseStatus: WebSocketCloseStatus.NormalClosure })
        {
            await TryEndAsync(hub, session); // while the record cannot be reached, it is away
        }
        else
        {
            await TryWriteAsync(hub, session);
        }

        if (!session.IsGone)
        {
            await RestAsync(hub, session);
        }
    }

    /// <summary>The handshake that a session was attached for came to nothing: one that is new ends, as nobody knows its token, and another one is away.</summary>
    internal async Task AbandonAsync(HubConnections hub, AttachingSession attaching)
    {
        attaching.Session.Detach(time.GetTimestamp());
        if (attaching.IsNew)
        {
            await TryEndAsync(hub, attaching.Session);
            return;
        }

        attaching.Session.Standing.Rest(null);
        await TryWriteAsync(hub, attaching.Session);
        await RestAsync(hub, attaching.Session);
    }

    private async ValueTask<AttachingSession?> TakeAsync(
        HubConnections hub, SessionResumption resumption, string? userId, long epoch, CancellationToken cancellationToken)
    {
        var (sessionId, secret, received) = resumption;
        var record = await ReadRecordAsync(hub, sessionId, cancellationToken);
        while (record is not null && TryRead(sessionId, record, out var found)
            && SessionId.IsTokenOf(secret, found.TokenDigest.Span) && string.Equals(found.UserId, userId, StringComparison.Ordinal) && found.Position.Epoch == epoch)
        {
            var checkpoint = found with { Owner = node.Info.NodeId }; // with its token: the answer may be lost, and the client has to come again with the one that it knows
            var version = SessionId.CreateVersion();
            var swap = await SwapAsync(hub, sessionId, record.Version, new() { Version = version, Value = SessionCheckpointFormat.Write(checkpoint) }, CancellationToken.None); // else nobody would know of it
            if (swap.IsDone)
            {
                var session = Create(hub, sessionId, checkpoint, version);
                var local = hub.Sessions.Find(sessionId);
                hub.Sessions.Add(session, isNew: false);
                if (local is not null)
                {
                    away.Remove(local);
                    if (local.SetGone() is { } connection)
                    {
                        connection.Abort(SessionEnds.TakenOver); // and waited for, as the hub knows one connection of an id
                        await local.DetachedAsync().WaitAsync(hub.Options.CloseTimeout, time, CancellationToken.None).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                    }
                }

                return new(session, secret, received, IsNew: false) { TakenFrom = found.Owner };
            }

            record = swap.Current;
        }

        return null;
    }

    /// <summary>How long a connection may take to let go of its session: whoever asked for it waits longer.</summary>
    private TimeSpan ReleaseTime(HubConnections hub) =>
        options.Value.RemoteCommandTimeout / 2 is var half && half < hub.Options.CloseTimeout ? half : hub.Options.CloseTimeout;

    private List<(HubConnections Hub, ResumableSession Session)> All() =>
        [.. hubs.All.SelectMany(static hub => hub.Sessions.All.Select(session => (hub, session)))];

    /// <summary>Counts a session as away, and ends the one that has been away for longest if there are too many.</summary>
    private async ValueTask RestAsync(HubConnections hub, ResumableSession session)
    {
        if (away.Add(hub, session) is not { } excess)
        {
            return;
        }

        if (_excessLog.TryPass(out var others))
        {
            Log.TooManyAway(logger, excess.Session.Id, options.Value.MaxAwaySessions, options.Value.MaxAwaySessionsPerUser, others);
        }

        await TryEndAsync(excess.Hub, excess.Session);
    }

    private ResumableSession Create(HubConnections hub, string id, SessionCheckpoint checkpoint, long version) =>
        new(id, checkpoint, version, hub.Options) { WrittenAt = time.GetTimestamp(), Lease = Records.RefusesStaleAppends ? null : lease };

    /// <summary>Has the sessions of a hub call here when its lane comes to something that concerns them, or one of them needs something.</summary>
    private void Prepare(HubConnections hub)
    {
        hub.Sessions.FellBehind ??= session => Task.Run(() => session.Connection is { } connection ? FollowAsync(hub, session, connection, 0) : Task.CompletedTask).Observe();
        hub.Sessions.WriteSoon ??= session => Task.Run(() => WriteSoonAsync(hub, session)).Observe();
        hub.Sessions.Settle ??= session => Settle(hub, session);
        hub.Sessions.End ??= (sessions, reason) => Task.Run(() => EndAsync(hub, sessions, reason)).Observe();
    }

    /// <summary>Ends sessions as the app wants it, also those whose clients are away. What cannot be done now, as the log is away, is tried again.</summary>
    private async Task EndAsync(HubConnections hub, IReadOnlyCollection<ResumableSession> sessions, DisconnectReason reason)
    {
        foreach (var session in sessions)
        {
            session.Ending = reason;
        }

        await Parallel.ForEachAsync(
            sessions, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (session, _) => await TryEndAsync(hub, session, reason));
    }

    /// <summary>Brings the groups of a session's connection to what the log says, as far as it is known here.</summary>
    private void Settle(HubConnections hub, ResumableSession session)
    {
        session.Standing.Settle(session);
        if (session.Connection is { } connection)
        {
            memberships.Settle(hub, connection, session);
        }
    }

    private async Task FollowAsync(HubConnections hub, ResumableSession session, Connection connection, long received)
    {
        if (await follower.RunAsync(hub, session, connection, received) is { } reason)
        {
            await TryEndAsync(hub, session, reason);
            connection.Close(reason); // also if the record could not be removed, or somebody else has it by now
        }
    }

    private static partial class Log
    {
        [LoggerMessage(310, LogLevel.Warning, "The record of session {SessionId} could not be written; it is tried again.")]
        public static partial void NotWritten(ILogger logger, string sessionId, Exception exception);

        [LoggerMessage(325, LogLevel.Warning, "Session {SessionId} has ended before its window: more than {Max} sessions of this node, or {MaxPerUser} of its user, are away. {Others} more have ended so since the last report.")]
        public static partial void TooManyAway(ILogger logger, string sessionId, int max, int maxPerUser, int others);

        [LoggerMessage(321, LogLevel.Warning, "This node missed its lease, so that other nodes may have taken sessions that can be resumed: its {Count} are compared with their records.")]
        public static partial void LeaseMissed(ILogger logger, int count);

        [LoggerMessage(331, LogLevel.Error, "The record of session {SessionId} cannot be read, so its client gets a new session. {Problem}")]
        public static partial void Unreadable(ILogger logger, string sessionId, string problem);
    }
}
