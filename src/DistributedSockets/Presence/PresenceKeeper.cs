using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Cleans up in a hub behind nodes that are gone, and ends the time after a loss: on one node, the first by name of those that live.</summary>
/// <remarks>Should two believe to be that one for a moment, no harm is done: each record is changed by one of them. Used by one at a time.</remarks>
internal sealed partial class PresenceKeeper(
    string hub,
    ISessionStore sessions,
    PresenceRegistration registration,
    PresenceWriter writer,
    string nodeId,
    IOptions<DistributedWebSocketsOptions> options,
    TimeProvider time,
    FailSafeLogger logger)
{
    // How many nodes look at each heartbeat who lives: of them one cleans up, and the others are there in case that it dies.
    private const int Candidates = 3;

    private HashSet<string> _missing = [];
    private long? _askedAt;
    private long? _lookedAt;

    /// <summary>Does what is due, if this node is the one to do it.</summary>
    /// <param name="record">The record of the ledger.</param>
    /// <param name="ledger">The ledger, in which this node is.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    internal async Task KeepAsync(PresenceRecord record, PresenceLedger ledger, CancellationToken cancellationToken)
    {
        var now = time.GetTimestamp();
        if (ledger.Nodes.Keys.Count(id => string.CompareOrdinal(id, nodeId) < 0) >= Candidates
            && _askedAt is { } asked && time.GetElapsedTime(asked, now) < options.Value.LeaseExpiry)
        {
            return;
        }

        _askedAt = now;
        var live = await ListLiveAsync(cancellationToken);
        if (ledger.Nodes.Keys.Where(live.Contains).Min(StringComparer.Ordinal) != nodeId)
        {
            _missing = [];
            return;
        }

        // Not at the first look: a store that has lost its leases has them again a heartbeat later.
        HashSet<string> missing = [.. ledger.Nodes.Keys.Where(id => !live.Contains(id))];
        string[] gone = [.. missing.Where(_missing.Contains)];
        _missing = missing;
        var kept = gone.Length == 0 ? ledger : ledger.Without(gone) with { IsLookDue = true };
        if (!kept.IsSettled && registration.CanSettle(kept, options.Value.LeaseExpiry))
        {
            kept = kept with { IsSettled = true, IsLookDue = true };
        }

        var version = record.Version;
        if (!ReferenceEquals(kept, ledger))
        {
            version = await registration.WriteAsync(version, kept, cancellationToken);
            if (version == 0)
            {
                return; // it has been changed: again at the next beat
            }

            LogKept(gone.Length, kept.IsSettled && !ledger.IsSettled);
        }

        if (kept.IsLookDue)
        {
            await writer.LookThroughAsync(kept, cancellationToken);
            await registration.WriteAsync(version, kept with { IsLookDue = false }, cancellationToken);
            _lookedAt = time.GetTimestamp();
        }
        else if (_lookedAt is { } at && time.GetElapsedTime(at) >= options.Value.LeaseExpiry)
        {
            // Once more, for what a node wrote in the moment in which it was taken out of the ledger.
            _lookedAt = null;
            await writer.LookThroughAsync(kept, cancellationToken);
        }
    }

    private async Task<HashSet<string>> ListLiveAsync(CancellationToken cancellationToken)
    {
        Func<CancellationToken, ValueTask<IReadOnlyList<NodeInfo>>> list = sessions.ListNodesAsync;
        var nodes = await list.WithinAsync("The session store", options.Value.LeaseExpiry, time, cancellationToken);
        return nodes.Select(static node => node.NodeId).ToHashSet(StringComparer.Ordinal);
    }

    private void LogKept(int gone, bool isSettled)
    {
        if (gone > 0)
        {
            Log.NodesGone(logger, gone, hub);
        }

        if (isSettled)
        {
            Log.Settled(logger, hub);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(277, LogLevel.Information, "{Count} nodes of hub {Hub} are gone; this node tells which of their users went offline.")]
        public static partial void NodesGone(ILogger logger, int count, string hub);

        [LoggerMessage(278, LogLevel.Information, "The presence of hub {Hub} has been written again; changes are told from now on.")]
        public static partial void Settled(ILogger logger, string hub);
    }
}
