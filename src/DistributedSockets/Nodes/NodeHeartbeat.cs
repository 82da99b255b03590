using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Keeps this node's lease, and takes over the sessions of nodes that have lost theirs.</summary>
internal sealed partial class NodeHeartbeat(
    ISessionStore store,
    LocalNode node,
    NodeHealth health,
    Hubs hubs,
    SessionChanges changes,
    ClusterEvents events,
    ClusterAgreement agreement,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<NodeHeartbeat> logger)
{
    private const int ClaimAtOnce = 1_000;

    private readonly CancellationTokenSource _stopping = new();
    private HashSet<string>? _live;
    private long? _renewedAt;
    private long? _claimDueSince;
    private long? _lookedAt;
    private Task _loop = Task.CompletedTask;

    /// <summary>Takes the lease, or tries to, and keeps it from then on.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        using (var starting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token))
        {
            await BeatAsync(starting.Token);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>Ends the loop; a store that does not answer is not waited for longer than the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(options.Value.HeartbeatInterval, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stopping))
            {
                await BeatAsync(stopping);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
    }

    private async Task BeatAsync(CancellationToken stopping)
    {
        try
        {
            var now = time.GetTimestamp();
            var held = await AskAsync(token => store.RenewLeaseAsync(agreement.Own, options.Value.LeaseExpiry, token), stopping);

            // An answer that did not come in time may have been that the lease was gone; the one after it knows nothing of that.
            held &= _renewedAt is not { } last || time.GetElapsedTime(last, now) < options.Value.LeaseExpiry;
            if (!held && (_renewedAt is not null || hubs.CountConnections() > 0))
            {
                // Also at the first success after a start without the store: what was written meanwhile may have been claimed. And also
                // without connections: those that the store remembers may have ended.
                Log.LeaseLost(logger, node.Info.NodeId);
                changes.RequestRewrite();
            }

            _renewedAt = now;

            var live = !events.HasObservers || IsLookDue(now) ? await LookAsync(now, stopping) : [];
            if (events.HasObservers || IsClaimDue(live))
            {
                await ClaimAsync(stopping);
                _claimDueSince = null; // only now: a claim that failed is tried again at the next beat
            }

            if (health.LeaseProblem is not null)
            {
                health.LeaseProblem = null;
                Log.StoreBack(logger);
                changes.Wake();
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            var isNew = health.LeaseProblem is null;
            health.LeaseProblem = NodeHealth.Describe(exception);
            if (isNew)
            {
                Log.StoreAway(logger, exception);
            }
        }
    }

    /// <summary>Whether a node that need not know at each beat who lives should look all the same.</summary>
    private bool IsLookDue(long now) => _lookedAt is not { } last || time.GetElapsedTime(last, now) >= options.Value.LeaseExpiry;

    private async Task<IReadOnlyList<NodeInfo>> LookAsync(long now, CancellationToken stopping)
    {
        var live = await AskAsync(store.ListNodesAsync, stopping);
        _lookedAt = now;
        agreement.Compare(live);
        return live;
    }

    /// <summary>
    /// Whether it is time for a node without observers to clean up: only when those that have observers, and so somebody to tell, had
    /// ample time to claim.
    /// </summary>
    private bool IsClaimDue(IReadOnlyList<NodeInfo> nodes)
    {
        var live = new HashSet<string>(StringComparer.Ordinal);
        foreach (var other in nodes)
        {
            live.Add(other.NodeId);
        }

        if (_live is null || !_live.IsSubsetOf(live))
        {
            _claimDueSince = time.GetTimestamp();
        }

        _live = live;
        return _claimDueSince is { } since && time.GetElapsedTime(since) >= 2 * options.Value.LeaseExpiry;
    }

    private async Task ClaimAsync(CancellationToken stopping)
    {
        while (await AskAsync(ClaimSomeAsync, stopping) > 0)
        {
        }
    }

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
            events.SessionEnded(session, SessionEndCause.NodeLost);
        }

        return claimed.Count;
    }

    /// <summary>Asks the store, which has the time that a lease lasts: later the answer is worth nothing.</summary>
    private Task<T> AskAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken stopping) =>
        call.WithinAsync("The session store", options.Value.LeaseExpiry, time, stopping);

    private static partial class Log
    {
        [LoggerMessage(190, LogLevel.Warning, "Node {NodeId} found its lease or its last writes gone; its sessions are written to the session store anew.")]
        public static partial void LeaseLost(ILogger logger, string nodeId);

        [LoggerMessage(191, LogLevel.Warning, "The session store is away; who is online is not known until it returns. Messages are not affected.")]
        public static partial void StoreAway(ILogger logger, Exception exception);

        [LoggerMessage(192, LogLevel.Information, "The session store is back.")]
        public static partial void StoreBack(ILogger logger);

        [LoggerMessage(193, LogLevel.Information, "{Count} sessions of lost nodes were claimed.")]
        public static partial void Claimed(ILogger logger, int count);
    }
}
