using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Which nodes live, by the session store. What it said is believed for a heartbeat where that does no harm.</summary>
internal sealed class LiveNodes(
    ISessionStore store, IBackplane backplane, LocalNode node, IOptions<DistributedWebSocketsOptions> options, TimeProvider time)
{
    private volatile Listing? _last;

    /// <summary>A session store in memory is this node's alone where the backplane is none in memory, and then knows no others.</summary>
    private bool IsOwn => store is InMemorySessionStore && backplane is not InMemoryBackplane;

    /// <summary>Whether a node was listed when the store was last asked, and that is not long ago.</summary>
    internal bool IsKnownToLive(string nodeId) =>
        _last is { } last && time.GetElapsedTime(last.ReadAt) < options.Value.HeartbeatInterval && last.NodeIds.Contains(nodeId);

    /// <summary>Asks the store.</summary>
    internal async ValueTask<NodePresence> FindAsync(string nodeId, CancellationToken cancellationToken)
    {
        var ids = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            Func<CancellationToken, ValueTask<IReadOnlyList<NodeInfo>>> list = store.ListNodesAsync;
            foreach (var listed in await list.WithinAsync("The session store", options.Value.RemoteCommandTimeout, time, cancellationToken))
            {
                ids.Add(listed.NodeId);
            }
        }
        catch (Exception exception) when (exception is not OperationCanceledException || !cancellationToken.IsCancellationRequested)
        {
            return NodePresence.Unknown; // a store that fails says nothing about the node
        }

        _last = new(ids, time.GetTimestamp());
        if (ids.Contains(nodeId))
        {
            return NodePresence.Lives;
        }

        // A store that does not list this node has lost what it knew.
        return ids.Contains(node.Info.NodeId) && (ids.Count > 1 || !IsOwn) ? NodePresence.Gone : NodePresence.Unknown;
    }

    private sealed class Listing(HashSet<string> nodeIds, long readAt)
    {
        internal HashSet<string> NodeIds => nodeIds;

        internal long ReadAt => readAt;
    }
}
