namespace DistributedSockets;

/// <summary>Hears of what happens in the cluster, as far as this node is the one to report it.</summary>
/// <remarks>
/// Calls to one observer come one after the other, off the path of messages. An exception is logged and harms nothing else; a slow
/// observer delays its own later events of this node only. Register with <c>AddClusterObserver</c>.
/// </remarks>
public interface IClusterObserver
{
    /// <summary>A connection of this node was written to the session store.</summary>
    /// <remarks>Told again when the store had lost the session, for example after this node was taken for lost.</remarks>
    /// <param name="session">The session.</param>
    /// <param name="cancellationToken">Cancelled when the call has taken 30 seconds, or the node has no more time to stop.</param>
    ValueTask OnSessionStartedAsync(Session session, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>A connection of this node ended, or this node claimed a session of a lost node.</summary>
    /// <param name="ended">The session and the cause.</param>
    /// <param name="cancellationToken">Cancelled when the call has taken 30 seconds, or the node has no more time to stop.</param>
    ValueTask OnSessionEndedAsync(SessionEnded ended, CancellationToken cancellationToken) => ValueTask.CompletedTask;

    /// <summary>Messages for connections of this node may have been lost.</summary>
    /// <param name="loss">What happened, and since when.</param>
    /// <param name="cancellationToken">Cancelled when the call has taken 30 seconds, or the node has no more time to stop.</param>
    ValueTask OnPossibleLossAsync(PossibleLoss loss, CancellationToken cancellationToken) => ValueTask.CompletedTask;
}
