using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Writes this node's sessions to the session store as they change, in order, and all of them anew when the store lost them.</summary>
internal sealed partial class SessionCommitter(
    ISessionStore store,
    SessionChanges changes,
    Hubs hubs,
    LocalNode node,
    ClusterEvents events,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<SessionCommitter> logger)
{
    private static readonly TimeSpan s_minBackOff = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan s_maxBackOff = TimeSpan.FromSeconds(5);

    private readonly CancellationTokenSource _stopping = new();
    private List<SessionChange> _batch = [];
    private bool _rewrite;
    private bool _lost;
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
                await WriteAsync(cancellationToken);
            }
        }
        catch (Exception exception)
        {
            Log.CommitFailed(logger, _batch.Count, exception);
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
                var isNew = node.CommitProblem is null;
                node.CommitProblem = exception.Message;
                if (isNew)
                {
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
        if (_batch.Count == 0 || _rewrite)
        {
            changes.Take(_batch, ref _rewrite, ref _lost);
        }

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
        catch (TimeoutException) when (!write.IsCompleted)
        {
            node.CommitProblem = $"The session store has not written a change within {options.Value.LeaseExpiry}; it is waited for.";
            Log.CommitHangs(logger, _batch.Count, options.Value.LeaseExpiry);
            await write;
        }
    }

    private async Task WriteAsync(CancellationToken cancellationToken)
    {
        List<SessionChange>? all = null;
        if (_rewrite)
        {
            all = [.. hubs.All.SelectMany(static hub => hub.Sessions()).Select(static session => new SessionChange { Kind = SessionChangeKind.Saved, Session = session })];
            await store.ResetAsync(node.Info.NodeId, cancellationToken);
            await store.CommitAsync(node.Info.NodeId, all, cancellationToken);
            Log.Rewritten(logger, all.Count);
        }
        else
        {
            await store.CommitAsync(node.Info.NodeId, _batch, cancellationToken);
        }

        node.CommitProblem = null;
        Tell(_batch);
        if (_lost && all is not null)
        {
            // Another node may have told their end meanwhile.
            var told = _batch.Where(static change => change.Kind == SessionChangeKind.Saved).Select(static change => change.Session.ConnectionId).ToHashSet();
            Tell(all.Where(change => !told.Contains(change.Session.ConnectionId)));
        }

        _batch = [];
        _rewrite = false;
        _lost = false;
    }

    private void Tell(IEnumerable<SessionChange> written)
    {
        foreach (var change in written)
        {
            if (change.Kind == SessionChangeKind.Saved)
            {
                events.SessionStarted(change.Session);
            }
            else if (change.Kind == SessionChangeKind.Ended)
            {
                events.SessionEnded(change.Session, SessionEndCause.Disconnected);
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(180, LogLevel.Warning, "{Count} session changes could not be written to the session store; they are tried again.")]
        public static partial void CommitFailed(ILogger logger, int count, Exception exception);

        [LoggerMessage(182, LogLevel.Warning, "{Count} session changes have not been written by the session store within {Time}; it is still waited for.")]
        public static partial void CommitHangs(ILogger logger, int count, TimeSpan time);

        [LoggerMessage(181, LogLevel.Information, "All {Count} sessions of this node were written to the session store anew.")]
        public static partial void Rewritten(ILogger logger, int count);
    }
}
