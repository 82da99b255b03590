namespace DistributedSockets;

/// <summary>A connection on its way into a group, whose channel is being subscribed. All who want it share one.</summary>
internal sealed class PendingJoin
{
    private readonly TaskCompletionSource<RemoteCommandOutcome> _outcome = new(TaskCreationOptions.RunContinuationsAsynchronously);

    internal PendingJoin() => _outcome.Task.Observe(); // those who want it may all have gone

    /// <summary>How many callers want it; guarded by the joins of the connection.</summary>
    internal int Callers { get; set; }

    internal Task<RemoteCommandOutcome> Outcome => _outcome.Task;

    internal void End(RemoteCommandOutcome outcome) => _outcome.TrySetResult(outcome);

    internal void Fail(Exception exception) => _outcome.TrySetException(exception);
}
