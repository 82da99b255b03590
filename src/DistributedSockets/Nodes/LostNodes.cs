using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Looks who lives, and takes over the sessions of nodes that have lost their lease. Called by the heartbeat, which never waits for it.</summary>
internal sealed partial class LostNodes(
    ISessionStore store,
    LocalNode node,
    NodeHealth health,
    ClusterEvents events,
    ClusterAgreement agreement,
    SessionAdoption adoption,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<LostNodes> logger)
{
    private const int ClaimAtOnce = 1_000;

    // For how many leases a node without observers waits after the last loss, and at most after the first.
    private const int CalmLeases = 2;
    private const int PatientLeases = 6;

    private HashSet<string>? _live;
    private long? _firstLostAt;
    private long _lastLostAt;
    private long? _lookedAt;
    private Task _looking = Task.CompletedTask;

    /// <summary>Looks and claims, unless the last time is still under way.</summary>
    internal void Look(CancellationToken stopping)
    {
        if (_looking.IsCompleted)
        {
            _looking = LookAndClaimAsync(stopping);
        }
    }

    /// <summary>Waits for what is under way, but not longer than the token allows. It has been told to end.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken) =>
        await _looking.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task LookAndClaimAsync(CancellationToken stopping)
    {
        try
        {
            var now = time.GetTimestamp();
            if (!events.HasObservers || IsLookDue(now))
            {
                Note(await AskAsync(store.ListNodesAsync, stopping), now);
            }

            if (events.HasObservers || IsClaimDue(now))
            {
                do
                {
                    await adoption.RunAsync(stopping); // and so at most one claim waits for the message log
                }
                while (await AskAsync(ClaimSomeAsync, stopping) > 0);

                _firstLostAt = null; // only now: a claim that failed is tried again at the next beat
            }

            if (health.ClaimProblem is not null)
            {
                health.ClaimProblem = null;
                Log.ClaimsAgain(logger);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            var isNew = health.ClaimProblem is null;
            health.ClaimProblem = NodeHealth.Describe(exception);
            if (isNew)
            {
                Log.ClaimFailed(logger, exception);
            }
        }
    }

    /// <summary>Whether a node that need not know at each beat who lives should look all the same.</summary>
    private bool IsLookDue(long now) => _lookedAt is not { } last || time.GetElapsedTime(last, now) >= options.Value.LeaseExpiry;

    private void Note(IReadOnlyList<NodeInfo> nodes, long now)
    {
        _lookedAt = now;
        agreement.Compare(nodes);
        var live = new HashSet<string>(StringComparer.Ordinal);
        foreach (var other in nodes)
        {
            live.Add(other.NodeId);
        }

        if (_live is null || !_live.IsSubsetOf(live))
        {
            _firstLostAt ??= now;
            _lastLostAt = now;
        }

        _live = live;
    }

    /// <summary>
    /// Whether it is time for a node without observers to clean up: only when those that have observers, and so somebody to tell, had
    /// ample time to claim; but not never, where nodes come and go all the time.
    /// </summary>
    private bool IsClaimDue(long now) =>
        _firstLostAt is { } first
        && (time.GetElapsedTime(_lastLostAt, now) >= CalmLeases * options.Value.LeaseExpiry
            || time.GetElapsedTime(first, now) >= PatientLeases * options.Value.LeaseExpiry);

    /// <summary>Claims and tells, also when nobody waits for the answer any more: nobody else will be told.</summary>
    private async ValueTask<int> ClaimSomeAsync(CancellationToken cancellationToken)
    {
        var claimed = await store.ClaimExpiredAsync(node.Info.NodeId, ClaimAtOnce, cancellationToken);
        if (claimed.Count > 0)
        {
            Log.Claimed(logger, claimed.Count);
        }

        foreach (var session in claimed)
        {
            if (!adoption.TryTake(session))
            {
                events.SessionEnded(session, SessionEndCause.NodeLost);
            }
        }

        return claimed.Count;
    }

    /// <summary>Asks the store, which has the time that a lease lasts.</summary>
    private Task<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken stopping) =>
        call.WithinAsync("The session store", options.Value.LeaseExpiry, time, stopping);

    private static partial class Log
    {
        [LoggerMessage(193, LogLevel.Information, "{Count} sessions of lost nodes were claimed.")]
        public static partial void Claimed(ILogger logger, int count);

        [LoggerMessage(184, LogLevel.Warning, "This node keeps its lease, but cannot look for lost nodes; the end of their sessions is told once it can.")]
        public static partial void ClaimFailed(ILogger logger, Exception exception);

        [LoggerMessage(185, LogLevel.Information, "This node can look for lost nodes again.")]
        public static partial void ClaimsAgain(ILogger logger);
    }
}
