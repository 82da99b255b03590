using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Keeps this node's lease.</summary>
internal sealed partial class NodeHeartbeat(
    ISessionStore store,
    LocalNode node,
    NodeHealth health,
    Hubs hubs,
    SessionChanges changes,
    ClusterAgreement agreement,
    LostNodes lost,
    NodeLease lease,
    ResumableSessions sessions,
    PresenceService presence,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger<NodeHeartbeat> logger)
{
    private static readonly TimeSpan s_shortest = TimeSpan.FromSeconds(1); // of what LeaseExpiry may be

    private readonly CancellationTokenSource _stopping = new();
    private long? _renewedAt;
    private Task _loop = Task.CompletedTask;

    /// <summary>Takes the lease, or tries to, and keeps it from then on.</summary>
    internal async Task StartAsync(CancellationToken cancellationToken)
    {
        using (var starting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _stopping.Token))
        {
            await BeatAsync(starting.Token, isFirst: true);
        }

        cancellationToken.ThrowIfCancellationRequested();
        _loop = RunAsync(_stopping.Token);
    }

    /// <summary>Ends the loop; a store that does not answer is not waited for longer than the token allows.</summary>
    internal async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAllAsync();
        await _loop.WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await lost.StopAsync(cancellationToken);
    }

    /// <summary>Has the lease run out as soon as may be, so that another node claims the sessions that are left. The loop has ended.</summary>
    internal ValueTask<bool> LetExpireAsync(CancellationToken cancellationToken) =>
        store.RenewLeaseAsync(agreement.Own with { Figures = Measure() }, s_shortest, cancellationToken);

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

    private async Task BeatAsync(CancellationToken stopping, bool isFirst = false)
    {
        try
        {
            var now = time.GetTimestamp();
            var held = await AskAsync(token => store.RenewLeaseAsync(agreement.Own with { Figures = Measure() }, options.Value.LeaseExpiry, token), stopping);

            // An answer that did not come in time may have been that the lease was gone; the one after it knows nothing of that.
            held &= _renewedAt is not { } last || time.GetElapsedTime(last, now) < options.Value.LeaseExpiry;
            if (!held && (_renewedAt is not null || hubs.CountConnections() > 0))
            {
                // Also at the first success after a start without the store: what was written meanwhile may have been claimed. And also
                // without connections: those that the store remembers may have ended.
                Log.LeaseLost(logger, node.Info.NodeId);
                if (_renewedAt is null || !sessions.Any)
                {
                    changes.RequestRewrite();
                }
                else
                {
                    RevalidateAsync(_stopping.Token).Observe(); // not waited for, as a log may be away
                }
            }

            _renewedAt = now;
            lease.OnRenewed(now);

            if (health.LeaseProblem is not null)
            {
                health.LeaseProblem = null;
                Log.StoreBack(logger);
                changes.Wake();
            }

            presence.Beat();
            lost.Look(_stopping.Token); // not waited for: a lease must not run out because somebody else's takes long
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
        }
        catch (Exception exception)
        {
            var isNew = health.LeaseProblem is null;
            health.LeaseProblem = NodeHealth.Describe(exception);
            if (isNew && !isFirst) // the start tells of it
            {
                Log.StoreAway(logger, exception);
            }
        }
    }

    /// <summary>Lets go of the sessions that others have taken meanwhile, before all are written again.</summary>
    private async Task RevalidateAsync(CancellationToken stopping)
    {
        try
        {
            await sessions.RevalidateAsync(stopping);
        }
        finally
        {
            changes.RequestRewrite();
        }
    }

    private NodeFigures Measure() => new()
    {
        Connections = hubs.CountConnections(),
        QueuedBytes = hubs.CountQueuedBytes(),
        MemoryBytes = Environment.WorkingSet,
    };

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
    }
}
