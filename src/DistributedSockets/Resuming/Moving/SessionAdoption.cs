using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;

namespace DistributedSockets;

/// <summary>Goes on with the sessions of lost nodes that can be resumed: they become this node's, without a connection, and their window begins.</summary>
internal sealed partial class SessionAdoption(
    ResumableSessions sessions, SessionJoins joins, HubLogs logs, Hubs hubs, ClusterEvents events, TimeProvider time, FailSafeLogger<SessionAdoption> logger)
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    private readonly ConcurrentQueue<Session> _waiting = new();
    private bool _isAway;

    /// <summary>Takes a session that this node has claimed from the session store, if it is one that can be resumed.</summary>
    /// <returns>Whether it was taken. If not, it has ended with its node.</returns>
    internal bool TryTake(Session session)
    {
        if (!SessionId.Is(session.ConnectionId) || hubs.Find(session.Hub) is not { Log: not null, Options.EnableResume: true })
        {
            return false;
        }

        _waiting.Enqueue(session);
        return true;
    }

    /// <summary>Goes on with all that it has taken, however long the message log is away. Called by one at a time.</summary>
    internal async Task RunAsync(CancellationToken stopping)
    {
        while (!_waiting.IsEmpty)
        {
            await RunOnceAsync(stopping);
        }
    }

    /// <summary>Adopts what waits; what cannot be since the log is away waits again.</summary>
    private async Task RunOnceAsync(CancellationToken stopping)
    {
        var some = new List<Session>();
        while (_waiting.TryDequeue(out var session))
        {
            some.Add(session);
        }

        var (adopted, failed) = (0, 0);
        var failure = default(Exception);
        await Parallel.ForEachAsync(
            some,
            new ParallelOptions { MaxDegreeOfParallelism = ResumableSessions.AtOnce, CancellationToken = stopping },
            async (session, _) =>
            {
                try
                {
                    switch (await sessions.AdoptAsync(hubs.Get(session.Hub), session, LearnGroupsAsync))
                    {
                        case AdoptionOutcome.Adopted:
                            Interlocked.Increment(ref adopted);
                            break;
                        case AdoptionOutcome.Ended:
                            events.SessionEnded(session, SessionEndCause.NodeLost);
                            break;
                    }
                }
                catch (MessageLogUnavailableException exception)
                {
                    Interlocked.Increment(ref failed);
                    failure = exception;
                    _waiting.Enqueue(session);
                }
            });
        if (adopted > 0)
        {
            Log.Adopted(logger, adopted);
        }

        if (failed > 0 && !_isAway)
        {
            Log.Waiting(logger, failed, failure);
        }

        _isAway = failed > 0;
        if (_isAway)
        {
            await Task.Delay(s_pause, time, stopping);
        }
    }

    /// <summary>Reads which groups a session has joined and left since its record was written, up to where this node hears of such changes by itself.</summary>
    private async ValueTask LearnGroupsAsync(HubConnections hub, ResumableSession session)
    {
        if (logs.LaneOf(hub)?.Position is not { } position || position.Epoch != session.Epoch)
        {
            return; // those of the record have to do until the client comes
        }

        try
        {
            session.KnowsGroups = await joins.ReadChangesAsync(
                hub, session.Id, session.UserId, session.Epoch, session.Numbers.Acknowledged.Offset, position.Offset, (offset, change) => session.Note(offset, change), CancellationToken.None);
        }
        catch (MessageLogUnavailableException)
        {
            // As above.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(322, LogLevel.Information, "{Count} sessions of lost nodes go on at this node, and can be resumed while their window lasts.")]
        public static partial void Adopted(ILogger logger, int count);

        [LoggerMessage(323, LogLevel.Warning, "{Count} sessions of lost nodes cannot be taken over, as the message log is away; it is tried again.")]
        public static partial void Waiting(ILogger logger, int count, Exception? exception);
    }
}
