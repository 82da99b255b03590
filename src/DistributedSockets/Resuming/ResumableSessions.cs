using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Begins sessions that can be resumed, takes them over, writes their records and ends them.</summary>
internal sealed partial class ResumableSessions(
    IMessageLog log,
    HubLogs logs,
    Hubs hubs,
    LocalNode node,
    GroupMemberships memberships,
    SessionFollower follower,
    TimeProvider time,
    FailSafeLogger<ResumableSessions> logger)
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan s_checkpointInterval = TimeSpan.FromSeconds(10);

    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;

    private ISessionRecordStore Records => (ISessionRecordStore)log; // or the hub would have been refused at the start

    internal void Start() => _loop = RunAsync(_stopping.Token);

    /// <summary>Ends the loop, and writes once more what was not written.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Begins a session, or goes on with the one that the client asks for if it can be; its record is written before the client is told.</summary>
    /// <param name="hub">The hub.</param>
    /// <param name="resume">What the client has asked for; null for a new session.</param>
    /// <param name="userId">The user, if known.</param>
    /// <param name="groups">In which groups a new one begins.</param>
    /// <param name="properties">The properties of a new one.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="MessageLogUnavailableException">The log or the record cannot be reached.</exception>
    internal async ValueTask<AttachingSession> AttachAsync(
        HubConnections hub, string? resume, string? userId, IReadOnlyCollection<string> groups, IReadOnlyDictionary<string, string> properties, CancellationToken cancellationToken)
    {
        hub.Sessions.Settle ??= session => Settle(hub, session);
        if (logs.LaneOf(hub)?.Position is not { Epoch: > 0 } position)
        {
            throw new MessageLogUnavailableException($"The log of hub '{hub.Name}' is not subscribed yet.");
        }

        if (resume is not null && await TakeAsync(hub, resume, userId, position.Epoch, cancellationToken) is { } taken)
        {
            return taken;
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
        var session = new ResumableSession(SessionId.Create(), checkpoint, SessionId.CreateVersion(), hub.Options) { WrittenAt = time.GetTimestamp() };
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
        session.Numbers.FellBehind = () => Task.Run(() => follower.RunAsync(hub, session, connection, 0)).Observe();
        Settle(hub, session);
        Task.Run(() => follower.RunAsync(hub, session, connection, received)).Observe();
    }

    /// <summary>Finds which node owns a session, be its client connected or away; null if there is no such session.</summary>
    /// <exception cref="MessageLogUnavailableException">The record cannot be reached.</exception>
    internal async ValueTask<SessionOwner?> FindOwnerAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken) =>
        hub.Sessions.Find(sessionId) is { KnowsGroups: true } ? new(node.Info.NodeId, Record: null)
        : log is ISessionRecordStore && await ReadAsync(hub, sessionId, cancellationToken) is { } record && SessionCheckpointFormat.TryRead(record.Value, out var found) ? new(found.Owner, found)
        : null;

    /// <summary>The connection of a session has ended.</summary>
    internal async Task DetachAsync(HubConnections hub, ResumableSession session)
    {
        session.Numbers.FellBehind = null;
        session.Detach(time.GetTimestamp());
        await TryWriteAsync(hub, session);
    }

    /// <summary>The handshake that a session was attached for came to nothing: one that is new ends, as nobody knows its token, and another one is away.</summary>
    internal async Task AbandonAsync(HubConnections hub, AttachingSession attaching)
    {
        attaching.Session.Detach(time.GetTimestamp());
        if (!attaching.IsNew)
        {
            attaching.Session.Standing.Rest(null);
        }

        await (attaching.IsNew ? TryEndAsync(hub, attaching.Session) : TryWriteAsync(hub, attaching.Session));
    }

    private async ValueTask<AttachingSession?> TakeAsync(
        HubConnections hub, string resume, string? userId, long epoch, CancellationToken cancellationToken)
    {
        if (!ResumeV1.TryReadResume(resume, out var id, out var token, out var received))
        {
            return null;
        }

        var (sessionId, secret) = (id.ToString(), token.ToString());
        if (hub.Sessions.Find(sessionId) is { } local)
        {
            await LetGoAsync(hub, local, secret, cancellationToken);
        }

        var record = await ReadAsync(hub, sessionId, cancellationToken);
        while (record is not null && SessionCheckpointFormat.TryRead(record.Value, out var found)
            && SessionId.IsTokenOf(secret, found.TokenDigest.Span) && string.Equals(found.UserId, userId, StringComparison.Ordinal) && found.Position.Epoch == epoch)
        {
            var checkpoint = found with { Owner = node.Info.NodeId }; // with its token: the answer may be lost, and the client has to come again with the one that it knows
            var version = SessionId.CreateVersion();
            var swap = await SwapAsync(hub, sessionId, record.Version, new() { Version = version, Value = SessionCheckpointFormat.Write(checkpoint) }, cancellationToken);
            if (swap.IsDone)
            {
                var session = new ResumableSession(sessionId, checkpoint, version, hub.Options) { WrittenAt = time.GetTimestamp() };
                hub.Sessions.Add(session, isNew: false);
                return new(session, secret, received, IsNew: false);
            }

            record = swap.Current;
        }

        return null;
    }

    /// <summary>Has the connection that a session has here end, and its record hold what is known of it.</summary>
    private async ValueTask LetGoAsync(HubConnections hub, ResumableSession session, string secret, CancellationToken cancellationToken)
    {
        if (!SessionId.IsTokenOf(secret, session.Checkpoint(node.Info.NodeId).TokenDigest.Span))
        {
            return;
        }

        if (session.Connection is { } connection)
        {
            connection.Abort(SessionEnds.TakenOver);
            await session.Detached.Task.WaitAsync(hub.Options.CloseTimeout, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await TryWriteAsync(hub, session);
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

    private async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(s_period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                foreach (var hub in hubs.All)
                {
                    foreach (var session in hub.Sessions.All)
                    {
                        await LookAfterAsync(hub, session);
                    }
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private async ValueTask LookAfterAsync(HubConnections hub, ResumableSession session)
    {
        if (session.Connection is null)
        {
            if (session.Detached.Task.IsCompleted && time.GetElapsedTime(session.AwaySince) >= hub.Options.ResumeWindow)
            {
                await TryEndAsync(hub, session);
            }

            return;
        }

        Advance(hub, session);
        var isHalf = session.Numbers.AcknowledgedSinceCheckpoint >= hub.Options.MaxUnacknowledgedMessages / 2;
        if (isHalf || (session.IsChanged || session.Numbers.AcknowledgedSinceCheckpoint > 0) && time.GetElapsedTime(session.WrittenAt) >= s_checkpointInterval
            || time.GetElapsedTime(session.WrittenAt) >= hub.Options.LogMaxAge / 4)
        {
            await TryWriteAsync(hub, session);
        }
    }

    /// <summary>Lets the position of a session that is live, and has acknowledged everything, follow the lane.</summary>
    private void Advance(HubConnections hub, ResumableSession session)
    {
        if (logs.LaneOf(hub)?.Position is { } position && position.Epoch == session.Epoch
            && session.Connection is { Queue: { QueuedBytes: 0, IsBehind: false } })
        {
            session.Numbers.MoveTo(position.Offset); // read before the queue was looked at: all up to there has been written
        }
    }

    /// <summary>Writes the record of a session. If it has another owner by now, the connection is cut.</summary>
    private async Task TryWriteAsync(HubConnections hub, ResumableSession session)
    {
        await session.Writing.WaitAsync();
        try
        {
            if (session.IsGone)
            {
                return;
            }

            var record = new SessionRecord { Version = SessionId.CreateVersion(), Value = SessionCheckpointFormat.Write(session.Checkpoint(node.Info.NodeId)) };
            var swap = await SwapAsync(hub, session.Id, session.Version, record, CancellationToken.None);
            if (swap.IsDone)
            {
                (session.Version, session.WrittenAt) = (record.Version, time.GetTimestamp());
                session.Numbers.NoteCheckpoint();
                return;
            }

            Lose(hub, session, isContinued: true);
        }
        catch (MessageLogUnavailableException exception)
        {
            Log.NotWritten(logger, session.Id, exception);
        }
        finally
        {
            session.Writing.Release();
        }
    }

    private async Task TryEndAsync(HubConnections hub, ResumableSession session)
    {
        await session.Writing.WaitAsync();
        try
        {
            if (!session.IsGone)
            {
                var swap = await SwapAsync(hub, session.Id, session.Version, null, CancellationToken.None); // refused: somebody has taken it, and was first
                Lose(hub, session, isContinued: !swap.IsDone);
            }
        }
        catch (MessageLogUnavailableException exception)
        {
            Log.NotWritten(logger, session.Id, exception);
        }
        finally
        {
            session.Writing.Release();
        }
    }

    private static void Lose(HubConnections hub, ResumableSession session, bool isContinued)
    {
        session.IsGone = true;
        hub.Sessions.Remove(session, isContinued);
        session.Connection?.Abort(SessionEnds.TakenOver);
    }

    private async Task<SessionRecord?> ReadAsync(HubConnections hub, string sessionId, CancellationToken cancellationToken)
    {
        await logs.StartedAsync().WaitAsync(cancellationToken);
        return await Records.ReadRecordAsync(hub.Log!.Hub, sessionId, cancellationToken);
    }

    /// <summary>Swaps; where the answer was lost, reading tells what became of it.</summary>
    private async Task<SessionRecordSwap> SwapAsync(HubConnections hub, string sessionId, long expected, SessionRecord? record, CancellationToken cancellationToken)
    {
        await logs.StartedAsync().WaitAsync(cancellationToken);
        try
        {
            return await Records.SwapRecordAsync(hub.Log!.Hub, sessionId, expected, record, cancellationToken);
        }
        catch (MessageLogUnavailableException exception) when (exception.IsOutcomeUnknown)
        {
            var found = await Records.ReadRecordAsync(hub.Log!.Hub, sessionId, cancellationToken);
            if ((found?.Version ?? 0) == (record?.Version ?? 0))
            {
                return new() { IsDone = true };
            }

            if ((found?.Version ?? 0) == expected)
            {
                throw;
            }

            return new() { IsDone = false, Current = found };
        }
    }

    private static partial class Log
    {
        [LoggerMessage(310, LogLevel.Warning, "The record of session {SessionId} could not be written; it is tried again.")]
        public static partial void NotWritten(ILogger logger, string sessionId, Exception exception);
    }
}
