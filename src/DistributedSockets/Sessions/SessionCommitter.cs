using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Writes this node's sessions to the session store as they change, in order, and all of them anew when the store lost them.</summary>
internal sealed partial class SessionCommitter(
    ISessionStore store,
    SessionChanges changes,
    Hubs hubs,
    LocalNode node,
    NodeHealth health,
    ClusterEvents events,
    DistributedWebSocketsMetrics metrics,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<SessionCommitter> logger)
{
    // How much of a rewrite goes to the store in one commit.
    private const int SessionsAtOnce = 1_000;
    private const int GroupsAtOnce = 32_768;

    private static readonly TimeSpan s_minBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_maxBackOff = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private readonly RareLog _droppedLog = new(1, time);
    private List<SessionChange> _batch = [];
    private HashSet<string> _toldAgain = [];
    private bool _rewrite;
    private bool _lost;
    private bool _saidFailed;
    private long _dropped;
    private Task _loop = Task.CompletedTask;

    internal void Start() => _loop = RunAsync(_stopping.Token);

    /// <summary>Ends the loop and writes what is left, once, for as long as the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        try
        {
            await _loop.WaitAsync(cancellationToken);
            while (TakeBatch())
            {
                await new ValueTask(WriteAsync(cancellationToken)).WithinAsync(cancellationToken);
            }
        }
        catch (Exception exception)
        {
            Log.CommitFailed(logger, _batch.Count, exception);
            ReportDropped();
        }
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        var backOff = s_minBackOff;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                if (!TakeBatch())
                {
                    await changes.WaitAsync(stopping);
                    continue;
                }

                await WriteInTimeAsync();
                backOff = s_minBackOff;
            }
            catch (OperationCanceledException) when (stopping.IsCancellationRequested)
            {
            }
            catch (Exception exception)
            {
                health.CommitProblem = NodeHealth.Describe(exception);
                if (!_saidFailed && health.LeaseProblem is null) // else it has been said that the store is away
                {
                    _saidFailed = true;
                    Log.CommitFailed(logger, _batch.Count, exception);
                }

                try
                {
                    await Task.Delay(backOff, time, stopping);
                }
                catch (OperationCanceledException)
                {
                    return;
                }

                backOff = backOff * 2 < s_maxBackOff ? backOff * 2 : s_maxBackOff;
            }
        }
    }

    /// <summary>Has something to write: what failed before, else what came since; a rewrite overtakes both.</summary>
    private bool TakeBatch()
    {
        if (_batch.Count == 0 || _rewrite || changes.IsRewriteWanted)
        {
            changes.Take(_batch, ref _rewrite, ref _lost);
        }

        ReportDropped(); // also while the store is away and a batch waits
        return _batch.Count > 0 || _rewrite;
    }

    /// <summary>Writes, and says so if it takes too long. It is waited for all the same: cut off, it would leave unknown what was written, and writes must not overlap.</summary>
    private async Task WriteInTimeAsync()
    {
        var write = WriteAsync(CancellationToken.None);
        write.Observe(); // it may fail in the moment in which its time runs out
        try
        {
            await write.WaitAsync(options.Value.LeaseExpiry, time);
        }
        catch (TimeoutException)
        {
            if (!write.IsCompleted)
            {
                health.CommitProblem = $"The session store has not written a change within {options.Value.LeaseExpiry}; it is waited for.";
                Log.CommitHangs(logger, _batch.Count, options.Value.LeaseExpiry);
            }

            await write; // it may have ended since, and its outcome is what counts
            health.CommitProblem = null; // said in the moment in which it ended, it would stay
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        List<Session> again = [];
        if (_rewrite)
        {
            await RewriteAsync(again, cancellationToken);
        }
        else
        {
            await store.CommitAsync(node.Info.NodeId, _batch, cancellationToken);
        }

        // Done: a failure while it is told must not have it written and told again.
        health.CommitProblem = null;
        _saidFailed = false;
        var written = _batch;
        _batch = [];
        _rewrite = false;
        _lost = false;
        Tell(written, again);
    }

    /// <summary>Gives the store all sessions anew, some at a time, so that neither the hub's gate is held nor memory used for all of them at once.</summary>
    /// <param name="again">Gets the sessions that observers are to be told again, as another node may have told their end meanwhile.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    private async Task RewriteAsync(List<Session> again, CancellationToken cancellationToken)
    {
        await store.ResetAsync(node.Info.NodeId, cancellationToken);
        var isToldAgain = _lost && events.HasObservers;
        var (written, groups) = (0, 0);
        var portion = new List<SessionChange>();
        foreach (var hub in hubs.All)
        {
            foreach (var session in hub.ReadSessions())
            {
                portion.Add(new() { Kind = SessionChangeKind.Saved, Session = session });
                groups += session.Groups.Count;
                written++;
                if (isToldAgain)
                {
                    again.Add(session);
                }

                if (portion.Count == SessionsAtOnce || groups >= GroupsAtOnce)
                {
                    await store.CommitAsync(node.Info.NodeId, portion, cancellationToken);
                    (portion, groups) = ([], 0);
                }
            }
        }

        if (portion.Count > 0)
        {
            await store.CommitAsync(node.Info.NodeId, portion, cancellationToken);
        }

        Log.Rewritten(logger, written);
    }

    private void Tell(List<SessionChange> written, List<Session> again)
    {
        // A session that began while all were written was told with them, and its own change comes with what was taken next.
        var before = _toldAgain;
        _toldAgain = again.Select(static session => session.ConnectionId).ToHashSet(StringComparer.Ordinal);
        foreach (var change in written)
        {
            if (change.IsContinued)
            {
                continue;
            }

            if (change.Kind == SessionChangeKind.Saved)
            {
                if (!before.Contains(change.ConnectionId) && !_toldAgain.Contains(change.ConnectionId))
                {
                    events.SessionStarted(change.Session);
                }
            }
            else if (change.Kind == SessionChangeKind.Ended)
            {
                events.SessionEnded(change.Session, SessionEndCause.Disconnected);
            }
        }

        foreach (var session in again)
        {
            events.SessionStarted(session);
        }
    }

    /// <summary>Counts what observers are not told because too many changes waited, and logs it at most once a minute.</summary>
    private void ReportDropped()
    {
        var dropped = changes.TakeDroppedEvents();
        if (dropped == 0 || !events.HasObservers)
        {
            return;
        }

        metrics.EventsDropped(dropped, "changes_full");
        _dropped += dropped;
        if (_droppedLog.TryPass(out _))
        {
            Log.EventsDropped(logger, _dropped);
            _dropped = 0;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(180, LogLevel.Warning, "{Count} session changes could not be written to the session store; they are tried again.")]
        public static partial void CommitFailed(ILogger logger, int count, Exception exception);

        [LoggerMessage(182, LogLevel.Warning, "{Count} session changes have not been written by the session store within {Time}; it is still waited for.")]
        public static partial void CommitHangs(ILogger logger, int count, TimeSpan time);

        [LoggerMessage(183, LogLevel.Error, "The cluster observers were not told of {Count} sessions that began or ended since the last report, because more changes waited for the session store than may.")]
        public static partial void EventsDropped(ILogger logger, long count);

        [LoggerMessage(181, LogLevel.Information, "All {Count} sessions of this node were written to the session store anew.")]
        public static partial void Rewritten(ILogger logger, int count);
    }
}
