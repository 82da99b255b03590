using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace DistributedSockets;

/// <summary>Which nodes have lately left a request for a session unanswered: they are not asked again for the time of a lease, and nobody who has asked waits any longer.</summary>
internal sealed partial class SilentNodes(IOptions<DistributedWebSocketsOptions> options, TimeProvider time, FailSafeLogger<SilentNodes> logger)
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Asked> _nodes = new(StringComparer.Ordinal);

    /// <summary>Whether a node is not to be asked.</summary>
    internal bool IsSilent(string nodeId)
    {
        lock (_gate)
        {
            return _nodes.TryGetValue(nodeId, out var node) && IsSilentLocked(node);
        }
    }

    /// <summary>Waits for the answer of a node, but no longer once anybody has learned that it gives none.</summary>
    /// <param name="nodeId">The node.</param>
    /// <param name="answer">Fails if the node does not answer.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Whether it has answered.</returns>
    internal async Task<bool> TryWaitAsync(string nodeId, Task answer, CancellationToken cancellationToken)
    {
        answer.Observe(); // it may fail when nobody waits any more
        var node = Begin(nodeId);
        try
        {
            await Task.WhenAny(answer, node.FellSilent.Task).WaitAsync(cancellationToken);
            if (answer.IsCompletedSuccessfully)
            {
                return true;
            }

            cancellationToken.ThrowIfCancellationRequested();
            if (answer.IsCompleted)
            {
                Mark(nodeId, node, answer.Exception?.InnerException);
            }

            return false;
        }
        finally
        {
            End(nodeId, node);
        }
    }

    private Asked Begin(string nodeId)
    {
        lock (_gate)
        {
            if (!_nodes.TryGetValue(nodeId, out var node) || (node.SilentSince is not null && !IsSilentLocked(node)))
            {
                _nodes[nodeId] = node = new();
            }

            node.Waiting++;
            return node;
        }
    }

    private void Mark(string nodeId, Asked node, Exception? cause)
    {
        lock (_gate)
        {
            if (node.SilentSince is not null)
            {
                return;
            }

            node.SilentSince = time.GetTimestamp();
        }

        node.FellSilent.TrySetResult(); // who waits goes on elsewhere
        Log.FellSilent(logger, nodeId, options.Value.LeaseExpiry, cause);
    }

    private void End(string nodeId, Asked node)
    {
        lock (_gate)
        {
            node.Waiting--;
            if (node is { Waiting: 0, SilentSince: null } && _nodes.TryGetValue(nodeId, out var known) && known == node)
            {
                _nodes.Remove(nodeId);
            }

            foreach (var (otherId, other) in _nodes) // nodes come and go
            {
                if (other is { Waiting: 0, SilentSince: not null } && !IsSilentLocked(other))
                {
                    _nodes.Remove(otherId);
                }
            }
        }
    }

    private bool IsSilentLocked(Asked node) => node.SilentSince is { } since && time.GetElapsedTime(since) < options.Value.LeaseExpiry;

    private static partial class Log
    {
        [LoggerMessage(320, LogLevel.Warning, "Node {NodeId} has not answered the request to let go of a session. For {Time} its sessions are taken over without asking it.")]
        public static partial void FellSilent(ILogger logger, string nodeId, TimeSpan time, Exception? exception);
    }

    /// <summary>A node that somebody has asked.</summary>
    private sealed class Asked
    {
        internal int Waiting { get; set; }

        internal long? SilentSince { get; set; }

        internal TaskCompletionSource FellSilent { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
